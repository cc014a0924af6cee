/** Kinds of packets of adb's shell protocol, version 2: a byte of kind, four of length, little endian, and the bytes (adb's shell_protocol.h). */
export const PACKET = { input: 0, output: 1, errors: 2, exit: 3, endOfInput: 4 } as const;

const HEADER_BYTES = 5;
const NONE: Buffer = Buffer.alloc(0);

export function packet(kind: number, bytes: Uint8Array = NONE): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(kind, 0);
  header.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([header, bytes]);
}

/** Takes a stream of packets apart, however it was split. A packet may be given in several parts, and one without bytes not at all. */
export function packetReader(): (chunk: Buffer) => readonly { readonly kind: number; readonly bytes: Buffer }[] {
  let header = NONE;
  let left = 0;
  return (chunk) => {
    const packets = [];
    for (let rest = chunk; rest.length > 0; ) {
      if (left === 0) {
        const missing = HEADER_BYTES - header.length;
        header = Buffer.concat([header, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (header.length < HEADER_BYTES) break;
        left = header.readUInt32LE(1);
      }
      const bytes = rest.subarray(0, left);
      if (bytes.length > 0) packets.push({ kind: header.readUInt8(0), bytes });
      left -= bytes.length;
      rest = rest.subarray(bytes.length);
      if (left === 0) header = NONE;
    }
    return packets;
  };
}
