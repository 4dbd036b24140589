/** CRC-32 (IEEE 802.3), the checksum that tools everywhere know. */

const POLYNOMIAL = 0xedb88320;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});
const encoder = new TextEncoder();

/** The checksum of a text's bytes as eight hexadecimal digits. */
export function crc32(text: string): string {
  let sum = ~0;
  for (const byte of encoder.encode(text)) sum = (sum >>> 8) ^ TABLE[(sum ^ byte) & 0xff]!;
  return (~sum >>> 0).toString(16).padStart(8, "0");
}
