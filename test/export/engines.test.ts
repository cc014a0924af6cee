import { describe, expect, test } from 'vitest';
import { ENGINE_NAMES, exportTo } from '../../src/export/engines.ts';
import type { Exported, ExportedMachine } from '../../src/export/machine.ts';
import { localHost } from '../../src/host/local/local.ts';
import { exportedMachine as machine } from '../support/services/exported-machine.ts';

const arm: ExportedMachine = {
  ...machine,
  arch: 'arm64',
  isElf: false,
  network: { kind: 'user', world: 'none', hostAccess: [] },
  needs: [],
};

function asText({ files }: Exported): string {
  return files.map(({ path, mode, content }) => `==> ${path} ${mode.toString(8)}\n${content}`).join('\n');
}

describe.each(ENGINE_NAMES)('%s', (engine) => {
  test.each([
    ['x86_64', machine],
    ['arm64', arm],
  ] as const)('the files of a machine for %s', async (arch, each) => {
    await expect(asText(exportTo(engine, each))).toMatchFileSnapshot(`../golden/export/${engine}-${arch}.txt`);
  });

  test('its scripts pass shellcheck', async () => {
    for (const { content } of exportTo(engine, machine).files.filter(({ mode }) => mode === 0o755)) {
      const { stdout, exitCode } = await localHost().exec(['shellcheck', '-'], { input: content });
      expect([exitCode, stdout]).toEqual([0, '']);
    }
  });

  test('the README has at most ten steps, and says what the engine does not keep', () => {
    const { steps, notes, files } = exportTo(engine, machine);
    const readme = files.find(({ path }) => path === 'README.md')?.content ?? '';
    expect(steps.length).toBeLessThanOrEqual(10);
    for (const each of [...steps, ...notes]) expect(readme).toContain(each);
    const said = notes.join('\n');
    for (const lost of ['news', 'ssh/ssh', 'hostAccess', 'secrets disk']) {
      if (engine === 'kubevirt' && lost === 'hostAccess') expect(said).toContain('`world` is not kept');
      else expect(said).toContain(lost);
    }
  });
});

test.each(ENGINE_NAMES.filter((engine) => engine !== 'libvirt'))(
  '%s refuses an address on the network of its host',
  (engine) => {
    for (const network of [
      { kind: 'bridge', address: '192.168.200.2' },
      { kind: 'macvtap', on: 'eth0', address: '192.168.1.50/24' },
    ] as const) {
      expect(() => exportTo(engine, { ...machine, network })).toThrow(
        expect.objectContaining({ code: 'export-cannot' }),
      );
    }
  },
);

test('libvirt makes a macvtap by itself, and has no TAP of vmkit', () => {
  const lan = exportTo('libvirt', { ...machine, network: { kind: 'macvtap', on: 'eth0', address: '192.168.1.50/24' } });
  const xml = lan.files.find(({ path }) => path === 'sql.xml')?.content ?? '';
  expect(xml).toContain("<source dev='eth0' mode='bridge'/>");
  expect(xml).not.toContain('net1');
  const bridge = { kind: 'bridge', address: '192.168.200.2' } as const;
  expect(() => exportTo('libvirt', { ...machine, network: bridge })).toThrow(
    expect.objectContaining({ code: 'export-cannot' }),
  );
});

test.each([
  ['a compressed kernel', { isElf: false }],
  ['a kernel with modules', { disks: [...machine.disks, { serial: 'vmkit-modules', isReadOnly: true } as const] }],
  ['more processors than it has', { cpus: 33 }],
])('Firecracker refuses %s', (_, change) => {
  expect(() => exportTo('firecracker', { ...machine, ...change })).toThrow(
    expect.objectContaining({ code: 'export-cannot' }),
  );
});

test('no option of any engine is one that vmkit alone can serve', () => {
  for (const engine of ENGINE_NAMES) {
    const text = asText(exportTo(engine, machine));
    expect(text).not.toMatch(/gate-guest|gate-world|link\.sock|fdset|\/fd\/|-add-fd|-qmp/);
  }
});
