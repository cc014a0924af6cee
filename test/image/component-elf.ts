/** A 64-bit little-endian ELF file with nothing in it but its headers (elf(5)). `interpreter` makes it a dynamic executable. */
export function elf({ machine = 62, type = 2, interpreter = '', entry = 0x401000n, body = '' } = {}): Buffer {
  const header = Buffer.alloc(64);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeUInt16LE(type, 16);
  header.writeUInt16LE(machine, 18);
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(entry, 24);
  header.writeBigUInt64LE(64n, 32);
  header.writeUInt16LE(64, 52);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  const text = Buffer.from(`${interpreter}\0${body}`);
  const segment = Buffer.alloc(56);
  segment.writeUInt32LE(interpreter === '' ? 1 : 3, 0);
  segment.writeBigUInt64LE(120n, 8);
  segment.writeBigUInt64LE(BigInt(interpreter.length + 1), 32);
  return Buffer.concat([header, segment, text]);
}
