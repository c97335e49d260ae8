/** One fault, put into the source on purpose: the tests must notice. */
export interface Mutant {
  readonly id: string;
  /** Rows of docs/attacks.json that speak of it. */
  readonly rows?: readonly string[];
  /** Clauses of docs/rfc-clauses.json that it breaks: a test that names one of them must fail. */
  readonly clauses?: readonly string[];
  readonly file: string;
  /** Text that stands exactly once in `file`. */
  readonly find: string;
  readonly replace: string;
  /** What the fault is. */
  readonly why: string;
  /** The test file that is expected to notice, below test/ and without `.test.ts`: it runs first. */
  readonly killer: string;
}

/** The mutant's file with the fault in it; the number of places where `find` stands, when that is not one. */
export function applyMutant({ find, replace }: Mutant, text: string): string | number {
  const parts = text.split(find);
  return parts.length === 2 ? parts.join(replace) : parts.length - 1;
}
