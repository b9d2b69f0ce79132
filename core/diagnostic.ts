// A problem that the user can see and solve, as a value; and the finding of its place in a text.
// The registry of codes is in codes.ts.

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
  /** What stands beside the marks under the text: `expected x86_64-linux, …`. */
  readonly expected?: string;
  readonly hint?: string;
  readonly pointer?: JsonPointer;
  readonly at?: SourceRange;
  readonly path?: AbsPath;
  /** What to paste where reflake does not dare to edit. */
  readonly snippet?: string;
}

/** The line and column of an offset (UTF-16) in a text. */
export function positionAt(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  let line = 1;
  for (let at = before.indexOf('\n'); at !== -1; at = before.indexOf('\n', at + 1)) line++;
  return { line, column: Array.from(before.slice(lineStart)).length + 1 };
}

/** A span of offsets (UTF-16, `end` exclusive) in the text of `file`, as a range. */
export function rangeOf(file: string, text: string, span: { start: number; end: number }): SourceRange {
  const start = positionAt(text, span.start);
  const end = positionAt(text, Math.max(span.start, span.end));
  return { file, line: start.line, column: start.column, endLine: end.line, endColumn: end.column };
}

export const isError = (diagnostic: Diagnostic): boolean => diagnostic.severity === 'error';
