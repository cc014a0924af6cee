import { describe, expect, test } from 'vitest';
import { KERNEL_PURPOSES } from '../../src/kernel/check/requirements.ts';
import { neededProfiles } from '../../src/kernel/require-kernel.ts';
import { withKernel } from '../../src/spec/kernel.ts';
import { BUILTIN_SERVICES } from '../../src/spec/services/registry.ts';
import { parse } from '../support/definition.ts';
import { ownService, specWith } from '../support/spec.ts';

const definition = (kernel: string): string =>
  `name: demo\nmemory: 512MiB\ndata: 1GiB\nservices:\n  - use: postgres\n${kernel}`;

describe('which kernel a definition takes', () => {
  test.each([
    ['', { kind: 'auto' }],
    ['kernel: debian\n', { kind: 'debian' }],
    ['kernel: vmkit\n', { kind: 'vmkit', profile: 'default', fragments: [] }],
    ['kernel: ./bzImage\n', { kind: 'path', path: '/definitions/demo/bzImage' }],
    ['kernel: /boot/vmlinuz-6.1\n', { kind: 'path', path: '/boot/vmlinuz-6.1' }],
    ['kernel: { profile: small }\n', { kind: 'vmkit', profile: 'small', fragments: [] }],
  ])('%s', (kernel, expected) => {
    expect(parse(definition(kernel)).spec?.kernel).toEqual(expected);
  });

  test('the option takes its place; --kernel vmkit keeps what the definition builds', () => {
    const spec = { kernel: { kind: 'vmkit', profile: 'small', fragments: [] } } as const;
    expect(withKernel(spec, undefined, '/here')).toBe(spec);
    expect(withKernel(spec, 'vmkit', '/here')).toBe(spec);
    expect(withKernel(spec, './mine', '/here').kernel).toEqual({ kind: 'path', path: '/here/mine' });
    expect(() => withKernel(spec, 'debain', '/here')).toThrowError(
      expect.objectContaining({ code: 'bad-usage', hint: 'A kernel in the current folder is --kernel ./debain' }),
    );
  });
});

test('a machine needs what its services need of a kernel, and the profiles are there', () => {
  const services = [...BUILTIN_SERVICES].flatMap(([name, service]) => {
    const options: Readonly<Record<string, unknown>> = { forgejo: { domain: 'git.example.org' } };
    return service.options.safeParse(options[name] ?? {}).success ? [service.create(options[name] ?? {})] : [];
  });
  const needed = neededProfiles({ services, packages: [] });
  expect(needed).toEqual(expect.arrayContaining(['machine', 'postgres', 'wireguard', 'nebula', 'tailscale-nftables']));
  expect(needed.filter((profile) => !(profile in KERNEL_PURPOSES))).toEqual([]);
  expect(neededProfiles(specWith('web', [ownService({ name: 'web' })]))).toEqual(['machine']);
  const limited = ownService({ name: 'web', memoryMib: 64, packages: ['podman'] });
  expect(neededProfiles(specWith('web', [limited]))).toEqual(['machine', 'memory-limits', 'containers']);
});
