import { expect, test } from 'vitest';
import { type KernelBuild, makeArgv, tellingLines } from '../../src/kernel/build-make.ts';
import { isObjectLine } from '../../src/kernel/build-progress.ts';

const native: KernelBuild = {
  arch: 'x86_64',
  toolchain: { crossCompile: '', gcc: 'gcc 12', ld: 'ld 2.40', hasCcache: false },
  folder: '/cache/k/linux',
  ccacheDir: '/cache/ccache',
};

test('the command line of make, native without ccache and crossed with it', async () => {
  const crossed: KernelBuild = {
    ...native,
    arch: 'arm64',
    toolchain: { ...native.toolchain, crossCompile: 'aarch64-linux-gnu-', hasCcache: true },
  };
  const text = [
    makeArgv(native, '/usr/bin:/bin', ['-j2', 'bzImage']),
    makeArgv(crossed, '/usr/bin:/bin', ['-j2', 'Image']),
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
  expect(['  CC      init/main.o', '  AS      arch/x86/entry/entry_64.o'].every(isObjectLine)).toBe(true);
  expect(['  LD      vmlinux', '  AR      init/built-in.a', 'make: *** CC x'].some(isObjectLine)).toBe(false);
});
