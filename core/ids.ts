/**
 * Identities as pure functions of their inputs: the same run, intent, child and try give the same
 * id after any crash, so what may exist at the venue is always known by name.
 */
import { sha256 } from "@noble/hashes/sha2.js";

const BASE = 36;
const HASH_CHARS = 10;
const COUNTER_CHARS = 2;

/** What must differ between two runs that share an account; fixed at a data directory's first start. */
export type Lineage = string;

/** Lower-case base-36 digest of the parts, `length` characters; parts may not contain a newline. */
export function digest(parts: readonly (string | number)[], length = HASH_CHARS): string {
  const bytes = sha256(new TextEncoder().encode(parts.join("\n")));
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value.toString(BASE).padStart(length, "0").slice(-length);
}

/**
 * Client order id of one try of one child: `<lineage>-<hash>-<child>-<try>`, at most 24 characters
 * of `[0-9a-z-]`, which every exchange accepts.
 */
export function clientOrderId(
  lineage: Lineage,
  { key, child, attempt }: { key: string; child: number; attempt: number },
): string {
  const counter = (value: number) => value.toString(BASE).padStart(COUNTER_CHARS, "0");
  return `${lineage}-${digest([lineage, key])}-${counter(child)}-${counter(attempt)}`;
}
