// The indentation of `''` strings: what Nix takes away from their lines.
// Works on the pieces that strings.ts found; knows nothing of quotes and escapes.
import type { Expr, StringPart } from './syntax.ts';

/** A piece of an indented string before its indentation is stripped; `raw` pieces are those that can indent. */
export type Piece =
  | { readonly start: number; readonly end: number; readonly text: string; readonly raw: boolean }
  | { readonly start: number; readonly end: number; readonly expr: Expr };

/**
 * Nix's stripIndentation: the least indentation of a line with content goes from all; so does a blank last line.
 * Neighbouring pieces of text come out as one part.
 */
export function stripIndentation(pieces: readonly Piece[]): readonly StringPart[] {
  const indent = leastIndentation(pieces);
  const parts: StringPart[] = [];
  let atLineStart = true;
  let dropped = 0;
  pieces.forEach((piece, index) => {
    const { start, end } = piece;
    if ('expr' in piece) {
      atLineStart = false;
      dropped = 0;
      parts.push({ kind: 'interpolation', expr: piece.expr, start, end });
      return;
    }
    const { text } = piece;
    let value = '';
    let kept = 0;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (!atLineStart) {
        if (code !== 10) continue;
        atLineStart = true;
        dropped = 0;
      } else if (code === 32) {
        if (dropped++ >= indent) continue;
        value += text.slice(kept, at);
        kept = at + 1;
      } else if (code === 10) {
        dropped = 0;
      } else {
        atLineStart = false;
        dropped = 0;
      }
    }
    value += text.slice(kept);
    if (index === pieces.length - 1) value = value.replace(/(?<=\n) +$/, '');
    parts.push({ kind: 'text', value, start, end });
  });
  return mergeParts(parts);
}

function leastIndentation(pieces: readonly Piece[]): number {
  let atLineStart = true;
  let least = 1_000_000;
  let current = 0;
  for (const piece of pieces) {
    if ('expr' in piece || !piece.raw) {
      if (atLineStart) {
        atLineStart = false;
        if (current < least) least = current;
      }
      continue;
    }
    const { text } = piece;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === 10) {
        atLineStart = true;
        current = 0;
      } else if (atLineStart) {
        if (code === 32) {
          current++;
        } else {
          atLineStart = false;
          if (current < least) least = current;
        }
      }
    }
  }
  return least;
}

function mergeParts(parts: readonly StringPart[]): readonly StringPart[] {
  const merged: StringPart[] = [];
  for (const part of parts) {
    const last = merged.at(-1);
    if (part.kind === 'text' && last?.kind === 'text') {
      merged[merged.length - 1] = { ...last, value: last.value + part.value, end: part.end };
    } else {
      merged.push(part);
    }
  }
  return merged.filter((part) => part.kind !== 'text' || part.value !== '');
}
