/**
 * Identities as pure functions of their inputs: the same run, intent, child and try give the same
 * id after any crash, so what may exist at the venue is always known by name.
 */
import { sha256 } from "@noble/hashes/sha2.js";
import { assert } from "./assert.ts";

const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";
const HASH_CHARS = 10;
const CHILD_CHARS = 2;
const ATTEMPT_CHARS = 3;

/** What must differ between two runs that share an account; fixed at a data directory's first start. */
export type Lineage = string;

const encoder = new TextEncoder();
const ASCII_END = 0x80;

/** UTF-8 of a text; the encoder is a call out of the engine, and most texts are plain ASCII. */
function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= ASCII_END) return encoder.encode(text);
    bytes[i] = code;
  }
  return bytes;
}

/** Digest of the parts in `[0-9a-z]`, `length` characters (at most 32). */
export function digest(parts: readonly (string | number)[], length = HASH_CHARS): string {
  const bytes = sha256(bytesOf(parts.join("\n")));
  let text = "";
  for (let i = 0; i < length; i++) text += ALPHABET[bytes[i]! % ALPHABET.length];
  return text;
}

/** Whose order an id is of; null for an id that no engine of this kind gave. */
export function lineageOf(clientId: string): Lineage | null {
  return /^([0-9a-z]+)-[0-9a-z]{10}-[0-9a-z]{2}-[0-9a-z]{3}$/.exec(clientId)?.[1] ?? null;
}

/** Those ids that another engine of this kind gave. */
export function rivalIds(ids: readonly string[], own: Lineage): readonly string[] {
  return ids.filter((id) => {
    const lineage = lineageOf(id);
    return lineage !== null && lineage !== own;
  });
}

/**
 * Client order id of one try of one child: `<lineage>-<hash>-<child>-<try>`, at most 25 characters
 * of `[0-9a-z-]`, which every exchange accepts.
 */
export function clientOrderId(
  lineage: Lineage,
  { key, child, attempt }: { key: string; child: number; attempt: number },
): string {
  const counter = (value: number, chars: number) => {
    assert(value < ALPHABET.length ** chars, "an order is tried a bounded number of times");
    return value.toString(ALPHABET.length).padStart(chars, "0");
  };
  const tail = `${counter(child, CHILD_CHARS)}-${counter(attempt, ATTEMPT_CHARS)}`;
  return `${lineage}-${digest([lineage, key])}-${tail}`;
}
