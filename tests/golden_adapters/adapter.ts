/**
 * What an adapter is: it renames the fields of one vector file to those of the product and calls
 * the product's own function. No arithmetic and no second implementation; `tidy_test.ts` checks.
 */

/** What a case carries beside its input. */
export type About = {
  readonly fn: string;
  /** A table that lies beside the vector file. */
  readonly data: (file: string) => unknown;
};

export type Options<I> = {
  /** Tolerance of a file that names none. */
  readonly tolerance?: { readonly rel: number; readonly abs: number };
  /** Fields of a result that are compared; all by default. */
  readonly only?: readonly string[];
  /**
   * Fields of a result that tell more than they must: of an undisputed case, those of their figures
   * are compared that both sides have.
   */
  readonly shared?: readonly string[];
  /** Fields of a result that the product does not have. */
  readonly ignores?: readonly string[];
  /**
   * Why an undisputed case is not matched; null for every case that must be. Told by the input or
   * the name alone, never by what the product does with it: a regression must not hide in here.
   */
  readonly differs?: (input: I, name: string) => string | null;
};

export type Adapter = Options<unknown> & {
  readonly file: string;
  readonly run: (input: unknown, about: About) => unknown;
};

/** The product turned an input away. */
export class Refusal {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** An adapter of the file `<file>.json`; `I` is the shape of its inputs. */
export function adapter<I>(
  file: string,
  run: (input: I, about: About) => unknown,
  options: Options<I> = {},
): Adapter {
  return { file, run, ...options } as Adapter;
}

/** Vectors of the running engine compare absolutely below 1. */
export const NEAR_ONE = { rel: 1e-9, abs: 1e-9 };

/** A file as a case gives it: its parsed content, its raw text, or null where it is absent. */
export function content(file: unknown): unknown {
  if (typeof file !== "string") return file;
  try {
    return JSON.parse(file);
  } catch {
    return undefined;
  }
}
