// The result type of the parsers of JSON and YAML: a plain value, and the place of each part in the text.

/** Offsets into the text in UTF-16 units, `end` exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The place of a member. An item of a list and the whole have no key. */
export interface Place {
  readonly key?: Span;
  readonly value: Span;
}

/** `message` is one lower-case clause, `hint` an imperative. */
export interface ParseProblem {
  readonly message: string;
  readonly hint?: string;
  readonly span: Span;
}

/** `placeOf` takes the keys that lead to a part of `value`; undefined where there is no such part. */
export type PlacedText =
  | { readonly ok: true; readonly value: unknown; readonly placeOf: (keys: readonly string[]) => Place | undefined }
  | { readonly ok: false; readonly problems: readonly ParseProblem[] };
