import { type FileHandle, open, stat } from 'node:fs/promises';
import type { Arch } from '../../core/arch.ts';
import { isSystemError, VmkitError } from '../../core/errors/errors.ts';

/** e_machine (elf(5); linux/elf-em.h), by the name that people use. */
const MACHINES: Readonly<Record<number, string>> = {
  3: 'i386',
  40: '32-bit arm',
  62: 'x86_64',
  183: 'arm64',
  243: 'riscv64',
};
const PT_INTERP = 3;
const PT_DYNAMIC = 2;
/** The dynamic loader of Debian's C library. */
const LOADERS: Readonly<Record<Arch, string>> = {
  x86_64: '/lib64/ld-linux-x86-64.so.2',
  arm64: '/lib/ld-linux-aarch64.so.1',
};

/**
 * Refuses a file that the guest could not execute, and says what it is instead. Reads its headers only. Throws `component-unusable`.
 * Scripts are refused: what they need beside their interpreter nobody can tell.
 */
export async function requireExecutable(name: string, path: string, arch: Arch): Promise<void> {
  const problem = await findProblem(path, arch);
  if (problem === undefined) return;
  throw new VmkitError('spec', 'component-unusable', `The component ${name} cannot be ${path}: ${problem}.`, {
    hint: `Give an executable for Linux on ${arch}: --component ${name}=PATH`,
    details: { component: name, path, arch },
  });
}

async function findProblem(path: string, arch: Arch): Promise<string | undefined> {
  const found = await stat(path).catch((error: unknown) => {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ENOTDIR')) return undefined;
    throw error;
  });
  if (found === undefined) return 'there is no such file';
  if (found.isDirectory()) return 'it is a folder';
  if (!found.isFile()) return 'it is not a regular file';
  const file = await open(path);
  try {
    const problem = await findElfProblem(file, arch);
    if (problem !== undefined) return problem;
  } finally {
    await file.close();
  }
  return (found.mode & 0o111) === 0 ? 'it is not executable; chmod +x makes it so' : undefined;
}

async function findElfProblem(file: FileHandle, arch: Arch): Promise<string | undefined> {
  const header = await bytes(file, 0, 64);
  if (header.length === 0) return 'it is empty';
  if (header.toString('latin1', 0, 2) === '#!') {
    return `it is a script (${header.toString('latin1').split('\n')[0]?.trim()}), not an executable`;
  }
  if (header.toString('latin1', 0, 4) !== '\x7fELF') return `it is ${describe(header)}, not an ELF executable`;
  const is64 = header[4] === 2;
  const isLittle = header[5] === 1;
  if (header.length < (is64 ? 64 : 20)) return 'it is an ELF file that was cut off';
  const number = isLittle ? header.readUInt16LE(18) : header.readUInt16BE(18);
  const machine = `${MACHINES[number] ?? `machine ${number}`}${isLittle ? '' : ' (big endian)'}`;
  if (machine !== arch || !is64) return `it is an ELF file for ${machine}, the guest is ${arch}`;
  const type = header.readUInt16LE(16);
  if (type !== 2 && type !== 3) return type === 1 ? 'it is an object file' : `it is an ELF file of type ${type}`;
  return await findLoaderProblem(file, header, type === 3, arch);
}

/** Program headers of ELF64: 56 bytes each; p_type at 0, p_offset at 8, p_filesz at 32. */
async function findLoaderProblem(
  file: FileHandle,
  header: Buffer,
  isShared: boolean,
  arch: Arch,
): Promise<string | undefined> {
  const count = header.readUInt16LE(56);
  const table = await bytes(file, Number(header.readBigUInt64LE(32)), count * 56);
  if (count === 0 || table.length < count * 56) return 'it is an ELF file that was cut off';
  const segments = Array.from({ length: count }, (_, index) => table.subarray(index * 56, index * 56 + 56));
  const interpreter = segments.find((segment) => segment.readUInt32LE(0) === PT_INTERP);
  if (interpreter !== undefined) {
    const length = Number(interpreter.readBigUInt64LE(32));
    const loader = (await bytes(file, Number(interpreter.readBigUInt64LE(8)), Math.min(length, 4096)))
      .toString('latin1')
      .replace(/\0.*$/s, '');
    return loader === LOADERS[arch] ? undefined : `it wants the loader ${loader}, and Debian has ${LOADERS[arch]}`;
  }
  const isDynamic = segments.some((segment) => segment.readUInt32LE(0) === PT_DYNAMIC);
  // A static position-independent executable is a shared object with an entry point (elf(5)).
  const hasEntry = header.readBigUInt64LE(24) !== 0n;
  return isShared && isDynamic && !hasEntry ? 'it is a shared library' : undefined;
}

function describe(header: Buffer): string {
  const signatures: readonly [string, string][] = [
    ['\x1f\x8b', 'a gzip archive'],
    ['PK', 'a zip archive'],
    ['\xfd7zXZ', 'an xz archive'],
    ['BZh', 'a bzip2 archive'],
    ['MZ', 'a program for Windows'],
    ['\xcf\xfa\xed\xfe', 'a program for macOS'],
    ['\xca\xfe\xba\xbe', 'a program for macOS'],
    ['!<arch>', 'an archive such as a Debian package'],
    ['<', 'a web page'],
  ];
  const start = header.toString('latin1');
  return signatures.find(([signature]) => start.startsWith(signature))?.[1] ?? 'something else';
}

async function bytes(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}
