/** The two ways to say "this cannot be": a state that must not exist and a variant nobody handles. */

/** A programmer error: the state is impossible, so stop instead of trading on it. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new Error(`Invariant: ${invariant}`);
}

/** What was asked for cannot be done as it was asked: told in a sentence, never a stack. */
export class Refusal extends Error {}

/** Belongs in every `default:`; a new variant then breaks the build exactly here. */
export function unreachable(value: never): never {
  throw new Error(`Unreachable variant: ${JSON.stringify(value)}`);
}
