// The lines of a nix.conf as Nix splits them, with the place of every token. The only reader of this syntax.

/** A run of non-blank characters; offsets into the whole text. */
export interface ConfToken {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** One line that holds at least one token. `source` is the line up to its comment, as Nix quotes it in errors. */
export interface ConfLine {
  readonly line: number;
  readonly source: string;
  readonly tokens: readonly ConfToken[];
}

/**
 * Splits at LF, cuts each line at its first `#`, tokenises at space, tab, CR, as Nix does.
 * Lines are counted from 1; blank and comment lines are left out. Any decoding that keeps ASCII works.
 */
export function confLines(text: string): readonly ConfLine[] {
  const lines: ConfLine[] = [];
  let start = 0;
  for (let line = 1; start <= text.length; line++) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const hash = text.indexOf('#', start);
    const cut = hash >= 0 && hash < end ? hash : end;
    const source = text.slice(start, cut);
    const tokens = [...source.matchAll(/[^ \t\r]+/g)].map((match) => ({
      text: match[0],
      start: start + match.index,
      end: start + match.index + match[0].length,
    }));
    if (tokens.length > 0) lines.push({ line, source, tokens });
    start = end + 1;
  }
  return lines;
}
