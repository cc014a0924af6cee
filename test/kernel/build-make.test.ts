import { expect, test } from 'vitest';
import { type KernelBuild, makeArgv, tellingLines } from '../../src/kernel/build-make.ts';
import { objectIn, parseDryRun } from '../../src/kernel/build-progress.ts';

const native: KernelBuild = {
  arch: 'x86_64',
  toolchain: { crossCompile: '', gcc: 'gcc 12', ld: 'ld 2.40', hasCcache: false },
  folder: '/cache/k/linux',
  ccacheDir: '/cache/ccache',
};

test('the command line of make, native without ccache and crossed with it, alone and with other computers', async () => {
  const crossed: KernelBuild = {
    ...native,
    arch: 'arm64',
    toolchain: { ...native.toolchain, crossCompile: 'aarch64-linux-gnu-', hasCcache: true },
  };
  const shared = { hosts: ['one', 'two:3632/8'], jobs: 12, folder: '/cache/distcc' };
  const text = [
    makeArgv(native, '/usr/bin:/bin', ['-j2', 'bzImage']),
    makeArgv(crossed, '/usr/bin:/bin', ['-j2', 'Image']),
    makeArgv({ ...native, distribution: shared }, '/usr/bin:/bin', ['-j14', 'bzImage']),
    makeArgv({ ...crossed, distribution: shared }, '/usr/bin:/bin', ['-j14', 'Image']),
  ].map((argv) => argv.join('\n'));
  await expect(`${text.join('\n\n')}\n`).toMatchFileSnapshot('../golden/kernel-make.txt');
});

test("nothing of the caller's environment but PATH reaches make", () => {
  process.env['KCFLAGS'] = '-O0';
  try {
    expect(makeArgv(native, '/bin', []).slice(0, 3)).toEqual(['env', '-i', 'PATH=/bin']);
    expect(makeArgv(native, '/bin', []).join(' ')).not.toContain('-O0');
  } finally {
    delete process.env['KCFLAGS'];
  }
});

test("the compiler's message is told, also when other jobs spoke after it", () => {
  const lines = [
    '  CC      init/main.o',
    '../init/main.c:1:1: error: unknown type name ‘foo’',
    'make[3]: *** [../scripts/Makefile.build:229: init/main.o] Error 1',
    ...Array.from({ length: 40 }, (_, index) => `  CC      mm/${index}.o`),
  ];
  expect(tellingLines(lines)).toEqual(lines.slice(1, 3));
  expect(tellingLines(lines.slice(3))).toEqual(lines.slice(-20));
});

test('objects are what kbuild compiles or assembles', () => {
  expect(objectIn('  CC      init/main.o')).toBe('init/main.o');
  expect(objectIn('  AS      arch/x86/entry/entry_64.o')).toBe('arch/x86/entry/entry_64.o');
  expect(['  LD      vmlinux.o', '  AR      init/built-in.a', 'make: *** CC x.o'].map(objectIn)).toEqual(
    Array(3).fill(undefined),
  );
});

test("the plan is read from make's dry run: each object once, without the tools that are there already", () => {
  const commands = [
    "set -e;  echo '  CC      init/main.o'; ccache gcc -Wp,-MMD,init/.main.o.d -c -o init/main.o ../init/main.c",
    "set -e;  echo '  AS      arch/x86/entry/entry_64.o'; ccache gcc",
    "set -e;  echo '  CC      init/main.o'; ccache gcc",
    "set -e;  echo '  HOSTCC  scripts/mod/modpost.o'; gcc",
    "set -e;  echo '  AR      init/built-in.a'; ar",
  ];
  expect([...parseDryRun(commands.join('\n'))]).toEqual(['init/main.o', 'arch/x86/entry/entry_64.o']);
});
