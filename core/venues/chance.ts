/**
 * Chance without state: a number in [0, 1) as a pure function of a seed and labels, so that the
 * simulated exchange draws the same numbers whatever was asked before, and after any restart. (A
 * sequential generator, which libraries offer, would have to be stored with every decision.)
 * Mixing as in MurmurHash3's 32-bit finalizer (Appleby, public domain).
 */

const TWO_32 = 4_294_967_296;

/** Turns a text into a label. */
export function label(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** A uniform number in [0, 1). Labels are whole numbers up to 2^53. */
export function chance(seed: number, ...labels: readonly number[]): number {
  let hash = mix(seed | 0);
  for (const value of labels) {
    hash = mix(hash ^ (value | 0));
    hash = mix(hash ^ Math.floor(value / TWO_32));
  }
  return (hash >>> 0) / TWO_32;
}

/** A standard normal number (Box and Muller, 1958). */
export function normal(seed: number, ...labels: readonly number[]): number {
  const radius = Math.sqrt(-2 * Math.log(1 - chance(seed, 1, ...labels)));
  return radius * Math.cos(2 * Math.PI * chance(seed, 2, ...labels));
}

function mix(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) + 0x9e3779b9 | 0;
}
