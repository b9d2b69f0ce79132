// Slips of the hand in the text of a spec, from each of which a parser makes many errors: conflict markers, tabs in the
// indentation, colons without a space. Finds them, and mends them so that the rest can be read.

import type { ParseProblem, Span } from '../formats/placed-text.ts';

export interface Slip extends ParseProblem {
  /** What to write where, so that it is mended. Disjoint, in the order of the text. */
  readonly edits: readonly (Span & { readonly by: string })[];
}

/** What may be slips, in the order of the text: the regular expressions know nothing of quotes and block scalars. */
export function slipsIn(text: string, isJson: boolean): readonly Slip[] {
  const conflicts = conflictsIn(text);
  if (isJson) return conflicts;
  return [...conflicts, ...tabsIn(text), ...colonsIn(text)].toSorted((a, b) => a.span.start - b.span.start);
}

/** The text as it was meant. `origin`: the offset in `text` of an offset in the mended one. */
export function mended(
  text: string,
  slips: readonly Slip[],
): { readonly text: string; readonly origin: (offset: number) => number } {
  const pieces: (Span & { readonly at: number })[] = [];
  let [whole, done] = ['', 0];
  const take = (piece: string, span: Span): void => {
    pieces.push({ ...span, at: whole.length });
    whole += piece;
    done = span.end;
  };
  for (const { start, end, by } of slips.flatMap(({ edits }) => edits).toSorted((a, b) => a.start - b.start)) {
    // A tab on a side that is left out is gone with it.
    if (start < done) continue;
    take(text.slice(done, start), { start: done, end: start });
    take(by, { start, end });
  }
  take(text.slice(done), { start: done, end: text.length });
  const origin = (offset: number): number => {
    const { start, end, at } = pieces.findLast((piece) => piece.at <= offset) ?? { start: 0, end: 0, at: 0 };
    return Math.min(end, start + offset - at);
  };
  return { text: whole, origin };
}

const MARKER = /^(<{7}|\|{7}|={7}|>{7})(?: .*)?\r?$/;

/** Mended by the first side. */
function conflictsIn(text: string): readonly Slip[] {
  const found: Slip[] = [];
  let open: Span | undefined;
  let isLeftOut = false;
  let edits: (Span & { readonly by: string })[] = [];
  for (const { start, end } of linesOf(text)) {
    const line = text.slice(start, end);
    const marker = MARKER.exec(line)?.[1]?.[0];
    if (marker === '<') {
      [open, edits, isLeftOut] = [{ start, end: start + line.trimEnd().length }, [], false];
    } else if (open !== undefined && (marker === '|' || marker === '=')) isLeftOut = true;
    if (open !== undefined && (isLeftOut || marker !== undefined)) edits.push({ start, end, by: '' });
    if (open === undefined || marker !== '>') continue;
    const hint = 'keep one side, and remove the lines that begin with <<<<<<<, ======= and >>>>>>>';
    found.push({ message: 'a merge conflict', hint, span: open, edits });
    open = undefined;
  }
  return found;
}

/** All of a text together: whoever indents with tabs does so in each line. */
function tabsIn(text: string): readonly Slip[] {
  const tabs = linesOf(text).flatMap(({ start, end }) => {
    const indentation = /^[ \t]*/.exec(text.slice(start, end))![0];
    const first = indentation.indexOf('\t');
    return first === -1 || indentation.length === end - start
      ? []
      : [{ start, end: start + indentation.length, by: indentation.replaceAll('\t', '  '), first: start + first }];
  });
  const [one] = tabs;
  if (one === undefined) return [];
  const others = tabs.length - 1;
  const also = others === 0 ? '' : `, here and in ${others} more ${others === 1 ? 'line' : 'lines'}`;
  const span = { start: one.first, end: one.first + 1 };
  return [{ message: 'tab in the indentation', hint: `indent with spaces${also}`, span, edits: tabs }];
}

/** At the beginning of a line, or in braces; not the scheme of a reference. */
function colonsIn(text: string): readonly Slip[] {
  return [...text.matchAll(/(?<=^[ \t]*|[{,][ \t]*)([A-Za-z_][\w-]*):(?=[^\s:,}\]])/gm)].flatMap((match) => {
    const [whole, key = ''] = match;
    const value = text.slice(match.index + whole.length, match.index + whole.length + LONGEST_WORD);
    if (SCHEMES.includes(key) && !OF_A_KEY.test(`${key}:${value}`)) return [];
    const span = { start: match.index, end: match.index + whole.length };
    const edits = [{ start: span.end, end: span.end, by: ' ' }];
    return [{ message: `no space after "${key}:"`, hint: 'put one after the colon', span, edits }];
  });
}

const SCHEMES = ['file', 'flake', 'git', 'github', 'gitlab', 'hg', 'http', 'https', 'path', 'sourcehut', 'tarball'];

/** Values of the keys that are schemes too. */
const OF_A_KEY = /^(?:path:[~/]|flake:(?:true|false)\b|git:(?:track|off)\b)/;
const LONGEST_WORD = 6;

function linesOf(text: string): readonly Span[] {
  const ends = [...text.matchAll(/\n|$/g)].map(({ index }) => index);
  return ends.map((end, at) => ({ start: at === 0 ? 0 : ends[at - 1]! + 1, end }));
}
