import { chmod, chown, copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../../../src/core/deadline.ts';
import { localHost } from '../../../src/host/local/local.ts';
import { freePort } from '../../../src/net/tcp.ts';
import { startSystemd } from '../../support/hosts/systemd.ts';
import { runAsThrowAwayUser, THROW_AWAY_UID } from '../../support/hosts/throw-away-user.ts';
import { useSandbox } from '../../support/machine.ts';

const GREETING = 'Exported!';
const LONG_MS = 600_000;
const host = localHost();

describe.sequential('a machine for other engines', () => {
  const sandbox = useSandbox();
  let port = 0;

  const page = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text();
  const folderOf = (engine: string): string => join(sandbox.folder, engine);
  const exportTo = async (engine: string): Promise<string> => {
    const done = await sandbox.vmkit(['export', 'tiny', '--to', engine, '-o', folderOf(engine)]);
    expect(done.stderr).not.toContain('error:');
    return folderOf(engine);
  };
  const run = async (argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> => {
    const { exitCode, stdout, stderr } = await host.exec(argv, { withinMs: LONG_MS, env });
    expect([exitCode, stderr]).toEqual([0, expect.any(String)]);
    return `${stdout}${stderr}`;
  };

  beforeAll(async () => {
    port = await freePort();
    await sandbox.define(
      'tiny',
      `memory: 256MiB
data: 64MiB
network: { kind: private, address: 192.168.78.2 }
services:
  - name: hello
    files: [{ path: /srv/hello/index.html, content: "${GREETING}" }]
    run: exec /run/vmkit/busybox httpd -f -p 8000 -h /srv/hello
    ready: { http: http://127.0.0.1:8000/ }
    secrets: [{ name: token, kind: hex }]
    ports: [{ name: web, port: 8000, protocol: http, host: ${port} }]
`,
    );
  });

  test('QEMU runs it by its scripts: ready, answering, stopped cleanly; a second start is refused', async () => {
    const folder = await exportTo('qemu-script');
    const logFile = join(folder, 'run.log');
    const process = await host.start([join(folder, 'run')], { logFile, env: { ACCEL: 'tcg' } });
    try {
      await run([join(folder, 'ready'), '600']);
      expect(await page()).toContain(GREETING);
      const second = await host.exec([join(folder, 'run')]);
      expect(second).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('runs already') });
      await run([join(folder, 'stop'), '300']);
      expect(await readFile(join(folder, 'events.log'), 'utf8')).toMatch(
        /"event":"stopped","uptime":[\d.]+,"forced":false/,
      );
      expect(await host.isRunning(process)).toBe(false);
    } finally {
      await host.signal(process, 'SIGKILL');
    }
  });

  test('no file but the secrets disk holds a secret, and that is for its owner alone', async () => {
    const folder = folderOf('qemu-script');
    const token = (await readFile(join(sandbox.machine('tiny').secretsDir, 'hello', 'token'), 'utf8')).trim();
    expect((await host.stat(folder))?.mode).toBe(0o700);
    const holds: string[] = [];
    for (const name of await readdir(folder)) {
      if ((await host.stat(join(folder, name)))?.kind !== 'file') continue;
      if ((await readFile(join(folder, name))).includes(token)) holds.push(name);
    }
    // The guest ran: nothing of its own writes a secret to the data disk.
    expect(holds).toEqual(['secrets.img']);
    expect((await host.stat(join(folder, 'secrets.img')))?.mode).toBe(0o600);
  });

  test('a second export keeps the data', async () => {
    const data = join(folderOf('qemu-script'), 'data.img');
    const uuid = (await run(['blkid', '-s', 'UUID', '-o', 'value', data])).trim();
    const before = await host.exec(['sha256sum', data]);
    const script = await readFile(join(await exportTo('qemu-script'), 'run'), 'utf8');
    expect(script).toContain(`vmkit.data=${uuid} `.trim());
    expect(await host.exec(['sha256sum', data])).toEqual(before);
  });

  test('libvirtd defines it, starts it, and shuts it down', async () => {
    const exported = await exportTo('libvirt');
    await run(['virt-xml-validate', join(exported, 'tiny.xml')]);
    const home = join(sandbox.folder, 'user');
    const text = async (name: string): Promise<string> => readFile(join(exported, name), 'utf8');
    const inHome = (file: string): string =>
      file.replaceAll(exported, `${home}/tiny`).replaceAll('/run/vmkit/tiny', `${home}/memory`);
    const xml = inHome(await text('tiny.xml')).replace("type='kvm'", "type='qemu'");
    await chmod(sandbox.folder, 0o755);
    const script = join(sandbox.folder, 'libvirt.sh');
    await writeFile(script, LIBVIRT);
    const tiny = join(sandbox.folder, 'user.tiny');
    await mkdir(tiny);
    for (const name of ['kernel', 'initramfs.cpio', 'root.img', 'data.img', 'secrets.img', 'modules.img']) {
      if ((await host.stat(join(exported, name))) !== undefined) await copyFile(join(exported, name), join(tiny, name));
    }
    await writeFile(join(tiny, 'tiny.xml'), xml);
    await writeFile(join(tiny, 'ready'), inHome(await text('ready')), { mode: 0o755 });
    for (const name of ['', ...(await readdir(tiny))]) await chown(join(tiny, name), THROW_AWAY_UID, THROW_AWAY_UID);
    const { stdout, stderr } = await runAsThrowAwayUser(home, ['sh', script, tiny, String(port)], {});
    expect(`${stdout}${stderr}`).toMatch(/tiny is ready[\s\S]*Exported![\s\S]*off: shut off \(shutdown\)/);
  });

  test('systemd as process 1 runs the unit: up once it answers, its secrets a credential, stopped cleanly', async () => {
    const folder = await exportTo('systemd');
    expect(await run(['systemd-analyze', 'verify', join(folder, 'vmkit-tiny.service')])).not.toContain('vmkit-tiny');
    const systemd = await startSystemd({ shared: folder });
    const within = (script: string): ReturnType<typeof systemd.run> => systemd.run(['sh', '-euc', `cd /\n${script}`]);
    try {
      const started = await within(`cd /srv/shared; chmod 755 .
getent group kvm >/dev/null || groupadd -r kvm
install -D -m 0600 secrets.img /etc/vmkit/tiny/secrets.img; rm secrets.img
install -D -m 0600 data.img /var/lib/private/vmkit-tiny/data.img
sed 's|${folder}|/srv/shared|' vmkit-tiny.service >/etc/systemd/system/vmkit-tiny.service
systemctl daemon-reload
systemctl enable --now vmkit-tiny || { journalctl -n 50 --no-pager; exit 1; }`);
      expect(started.exitCode, started.stdout + started.stderr).toBe(0);
      expect(await page()).toContain(GREETING);
      const asked = await within(`systemctl show -P User -P MainPID vmkit-tiny
stat -c '%U %a' /var/lib/vmkit-tiny/data.img
systemctl stop vmkit-tiny
cat /run/credentials/vmkit-tiny.service/* 2>/dev/null | head -c 1
systemctl is-active vmkit-tiny || :
journalctl -u vmkit-tiny --no-pager -o cat`);
      expect(asked.stdout).toMatch(/\nvmkit-tiny 600\ninactive\n[\s\S]*tiny is off\./);
    } finally {
      await systemd.stop();
    }
  });

  test('a guest that is started as KubeVirt would: an address by DHCP, a Secret as an ISO, events on the console', async () => {
    const folder = await exportTo('kubevirt');
    const yaml = await readFile(join(folder, 'tiny.yaml'), 'utf8');
    const append = /kernelArgs: (.*)/.exec(yaml)?.[1] ?? '';
    const content = join(folder, 'secret');
    await mkdir(content);
    await copyFile(join(folder, 'secrets.img'), join(content, 'secrets.img'));
    // As KubeVirt's pkg/config makes it.
    const iso = join(folder, 'secret.iso');
    await run([
      'xorrisofs',
      '-quiet',
      '-output',
      iso,
      '-follow-links',
      '-volid',
      'cfgdata',
      '-joliet',
      '-rock',
      content,
    ]);
    const disks = [...yaml.matchAll(/path: \/disk\/(\w+)\.img/g)].map(([, name = '']) => [
      `vmkit-${name}`,
      `${name}.img`,
    ]);
    const files = [...disks, ['vmkit-data', 'data.img'], ['vmkit-secrets', 'secret.iso']];
    const process = await host.start(
      [
        ...[
          'qemu-system-x86_64',
          '-nodefaults',
          '-no-reboot',
          '-display',
          'none',
          '-machine',
          'q35',
          '-cpu',
          'max',
          '-m',
          '256',
        ],
        ...['-kernel', join(folder, 'kernel'), '-initrd', join(folder, 'initramfs.cpio'), '-append', append],
        ...files.flatMap(([serial = '', file = '']) => [
          ...['-drive', `file=${join(folder, file)},format=raw,if=none,id=${serial}`],
          ...['-device', `virtio-blk-pci,drive=${serial},serial=${serial}`],
        ]),
        ...['-netdev', `user,id=pod,net=10.9.0.0/24,hostfwd=tcp:127.0.0.1:${port}-10.9.0.15:8000`],
        ...['-device', 'virtio-net-pci,netdev=pod,romfile=', '-netdev', 'user,id=private,restrict=on'],
        ...['-device', `virtio-net-pci,netdev=private,mac=${/macAddress: (.*)/.exec(yaml)?.[1]},romfile=`],
        ...['-serial', `file:${join(folder, 'console.log')}`],
      ],
      { logFile: join(folder, 'qemu.log') },
    );
    try {
      const isBooted = async (): Promise<true | undefined> =>
        /"event":"booted"/.test(await readFile(join(folder, 'console.log'), 'utf8').catch(() => '')) || undefined;
      expect(await poll(isBooted, { withinMs: LONG_MS, everyMs: 500 })).toBe(true);
      expect(await page()).toContain(GREETING);
    } finally {
      await host.signal(process, 'SIGKILL');
    }
  });
});

/** A libvirtd of the user's own, which ends with it. $1: the files, $2: the port. */
const LIBVIRT = `set -eu
export XDG_RUNTIME_DIR=$HOME/run XDG_CONFIG_HOME=$HOME/c XDG_CACHE_HOME=$HOME/k XDG_DATA_HOME=$HOME/d
mkdir -p "$XDG_CONFIG_HOME/libvirt" "$XDG_RUNTIME_DIR" "$HOME/memory"
printf 'stdio_handler = "file"\\nsecurity_driver = "none"\\n' >"$XDG_CONFIG_HOME/libvirt/qemu.conf"
cp -a --sparse=always "$1" "$HOME/tiny"
mv "$HOME/tiny/secrets.img" "$HOME/memory/"
libvirtd --timeout 600 >"$HOME/libvirtd.log" 2>&1 &
daemon=$!
virsh() { command virsh -q -c qemu:///session "$@"; }
end() { virsh destroy tiny 2>/dev/null || :; kill $daemon; wait $daemon || :; }
trap end EXIT
tries=0
until virsh version >/dev/null 2>&1; do tries=$((tries + 1)); [ $tries -lt 200 ] || { cat "$HOME/libvirtd.log"; exit 1; }; sleep 0.3; done
virsh define "$HOME/tiny/tiny.xml"
virsh start tiny
"$HOME/tiny/ready" 600 || { cat "$HOME"/tiny/*.log; exit 1; }
perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new("127.0.0.1:$ARGV[0]") or die; print $s "GET / HTTP/1.0\\r\\n\\r\\n"; print <$s>' "$2"
virsh shutdown tiny
tries=0
until virsh domstate tiny | grep -q 'shut off'; do tries=$((tries + 1)); [ $tries -lt 600 ] || exit 1; sleep 0.5; done
echo "off: $(virsh domstate tiny --reason)"
`;
