// A problem of a spec, a transaction or a tool, as a value; and the place of an offset in a text. A look at the machine gives
// findings (model.ts) instead; the codes of both are in codes.ts.

import type { Code } from './codes.ts';
import type { AbsPath } from './path.ts';

/** RFC 6901, into the spec: `/inputs/nixpkgs`. */
export type JsonPointer = string;

/** A place in a text. Lines and columns are 1-based, columns count code points; `end*` is exclusive. */
export interface SourceRange {
  /** As the user would name it: the spec's path as given, or a path of the machine. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/**
 * `summary` is one lower-case clause that names the thing and what is wrong with it; `hint` is an imperative;
 * text of the user is quoted. `pointer` says which wish, `at` which bytes; the edge turns a pointer into a place.
 */
export interface Diagnostic {
  readonly severity: 'error' | 'warning' | 'note';
  readonly code: Code;
  readonly summary: string;
  /** The words beside the marks under the text: `expected x86_64-linux, …`. */
  readonly expected?: string;
  readonly hint?: string;
  readonly pointer?: JsonPointer;
  readonly at?: SourceRange;
  readonly path?: AbsPath;
  /** The text to paste where reflake does not edit. */
  readonly snippet?: string;
}

/** The line and column of an offset (UTF-16) in a text. */
export function positionAt(text: string, offset: number): { line: number; column: number } {
  if (latest.text !== text) latest = { text, ...landmarks(text) };
  const end = Math.min(offset, text.length);
  const line = countBelow(latest.lines, end + 1);
  const start = latest.lines[line - 1]!;
  return { line, column: end - start - countBelow(latest.pairs, end) + countBelow(latest.pairs, start) + 1 };
}

/** The offsets at which lines begin, and those of second halves of surrogate pairs. */
interface Landmarks {
  readonly lines: readonly number[];
  readonly pairs: readonly number[];
}

/** Kept for the last text, since thousands of places of one text are asked for in a row. */
let latest: Landmarks & { readonly text: string } = { text: '', lines: [0], pairs: [] };

function landmarks(text: string): Landmarks {
  const lines = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines.push(at + 1);
  return { lines, pairs: Array.from(text.matchAll(/[\ud800-\udbff][\udc00-\udfff]/g), ({ index }) => index + 1) };
}

/** How many of the sorted numbers are below `limit`. */
function countBelow(sorted: readonly number[], limit: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A span of offsets (UTF-16, `end` exclusive) in the text of `file`, as a range. */
export function rangeOf(file: string, text: string, span: { start: number; end: number }): SourceRange {
  const start = positionAt(text, span.start);
  const end = positionAt(text, Math.max(span.start, span.end));
  return { file, line: start.line, column: start.column, endLine: end.line, endColumn: end.column };
}

export const isError = (diagnostic: Diagnostic): boolean => diagnostic.severity === 'error';
