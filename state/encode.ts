/**
 * Values as strict JSON. A part that lasts over many publishes is encoded once: it is the same
 * object for as long as it says the same, so its text is. A figure that JSON cannot say becomes null
 * and is counted.
 */

export type Encoded = {
  readonly text: string;
  /** Figures that were no finite number: they read null. */
  readonly droppedCount: number;
};

/** Parts that last, with their text once there is one. */
const parts = new WeakMap<object, Encoded | null>();
/** Names of fields as they are written; there are as many as schemas and symbols have. */
const names = new Map<string, string>();
const NAMES_MAX = 50_000;
/** So many entries are joined to one flat text; a few are better strung together. */
const MANY = 64;

/** Marks a value that will be published again and never changes: its text is kept beside it. */
export function lasting<T extends object>(value: T): T {
  parts.set(value, null);
  return value;
}

/**
 * One record of two that share no name: of one that moves and one that lasts, whose text is not
 * touched again.
 */
export function joined<T>(
  moving: Readonly<Record<string, T>>,
  still: Readonly<Record<string, T>>,
): Readonly<Record<string, T>> {
  const whole = { ...moving, ...still };
  const [first, second] = [encode(moving), encode(still)];
  const inner = [first, second].map(({ text }) => text.slice(1, -1)).filter((text) => text !== "");
  parts.set(whole, {
    text: `{${strung(inner)}}`,
    droppedCount: first.droppedCount + second.droppedCount,
  });
  return whole;
}

/** A value as JSON: what `JSON.stringify` gives, and how many figures of it had to become null. */
export function encode(value: object): Encoded {
  const known = parts.get(value);
  if (known) return known;
  const found = lookInto(value);
  const encoded = found === HOLDS_PARTS
    ? assemble(value)
    : { text: JSON.stringify(value), droppedCount: found };
  if (known === null) parts.set(value, encoded);
  return encoded;
}

const HOLDS_PARTS = -1;

/** Counts what cannot be said; or says that there are parts inside that have texts of their own. */
function lookInto(value: object): number {
  let droppedCount = 0;
  for (const item of Array.isArray(value) ? value : Object.values(value)) {
    if (typeof item === "number") {
      if (!Number.isFinite(item)) droppedCount += 1;
    } else if (typeof item === "object" && item !== null) {
      const found = parts.has(item) ? HOLDS_PARTS : lookInto(item);
      if (found === HOLDS_PARTS) return HOLDS_PARTS;
      droppedCount += found;
    }
  }
  return droppedCount;
}

/** Puts a list or a record together from the texts of what is in it. */
function assemble(value: object): Encoded {
  const texts: string[] = [];
  let droppedCount = 0;
  const add = (name: string, item: unknown) => {
    const part = encodeItem(item);
    texts.push(name + part.text);
    droppedCount += part.droppedCount;
  };
  const isList = Array.isArray(value);
  if (isList) { for (const item of value) add("", item); }
  else {
    const record = value as Readonly<Record<string, unknown>>;
    for (const name in record) {
      if (record[name] !== undefined) add(nameText(name), record[name]);
    }
  }
  const inner = texts.length > MANY ? texts.join() : strung(texts);
  return { text: isList ? `[${inner}]` : `{${inner}}`, droppedCount };
}

function encodeItem(item: unknown): Encoded {
  if (typeof item === "object" && item !== null) return parts.get(item) ?? encode(item);
  const droppedCount = typeof item === "number" && !Number.isFinite(item) ? 1 : 0;
  return { text: JSON.stringify(item ?? null), droppedCount };
}

/** A large text in a short list is not copied: it is referred to. */
function strung(texts: readonly string[]): string {
  let inner = "";
  for (const text of texts) inner += inner === "" ? text : `,${text}`;
  return inner;
}

function nameText(name: string): string {
  let text = names.get(name);
  if (text === undefined) {
    if (names.size >= NAMES_MAX) names.clear();
    names.set(name, text = `${JSON.stringify(name)}:`);
  }
  return text;
}
