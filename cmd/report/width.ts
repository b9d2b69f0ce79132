// Counts the cells that a text takes on a terminal, and pads, cuts and wraps text by that.

import { eastAsianWidth } from 'get-east-asian-width';

const SGR = /\u001b\[[0-9;]*m|\u001b\]8;[^\u0007\u001b]*(?:\u0007|\u001b\\)/g;

/** Cells of a text of one line. Colours take none, combining marks none, wide characters and emoji two. */
export function stringWidth(text: string): number {
  if (/^[\u0020-\u007e]*$/.test(text)) return text.length;
  let width = 0;
  for (const cluster of clusters(text.replace(SGR, ''))) width += clusterWidth(cluster);
  return width;
}

/** `text` and spaces up to `width` cells; a longer one as it is. */
export const padEnd = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - stringWidth(text)));

/** The beginning of a plain text that fits into `width` cells, ending in `ellipsis` where something was cut. */
export function truncate(text: string, width: number, ellipsis = '…'): string {
  if (stringWidth(text) <= width) return text;
  const [head] = takeCells(text, Math.max(0, width - stringWidth(ellipsis)));
  return stringWidth(ellipsis) <= width ? head + ellipsis : takeCells(text, width)[0];
}

/** A plain text in lines of at most `width` cells, broken at spaces, within a word only where it is longer than a line. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (stringWidth(longer) <= width) {
      line = longer;
      continue;
    }
    if (line !== '') lines.push(line);
    line = word;
    while (stringWidth(line) > width) {
      const [head, rest] = takeCells(line, Math.max(2, width));
      if (rest === '') break;
      // Paths and references read better where they are cut behind a separator, if that leaves no short line.
      const seam = /^.*[/#-]/.exec(head)?.[0] ?? '';
      const cut = seam.length * 2 > head.length ? seam.length : head.length;
      lines.push(line.slice(0, cut));
      line = line.slice(cut);
    }
  }
  return [...lines, line];
}

/** The longest beginning of a plain text within `width` cells, and the rest. */
export function takeCells(text: string, width: number): readonly [head: string, rest: string] {
  let used = 0;
  let at = 0;
  for (const cluster of clusters(text)) {
    const next = clusterWidth(cluster);
    if (used + next > width) break;
    used += next;
    at += cluster.length;
  }
  return [text.slice(0, at), text.slice(at)];
}

/** Characters with the combining marks drawn onto them. Not by Intl.Segmenter: to make one takes 30 ms on Node 20. */
function* clusters(text: string): Generator<string> {
  let cluster = '';
  for (const char of text) {
    if (cluster !== '' && (EXTENDS.test(char) || cluster.endsWith(JOINER))) cluster += char;
    else {
      if (cluster !== '') yield cluster;
      cluster = char;
    }
  }
  if (cluster !== '') yield cluster;
}

const JOINER = '\u200d';
const EXTENDS = /^(?:\p{Mn}|\p{Me}|\u200d|[\u{1f3fb}-\u{1f3ff}]|[\u{e0020}-\u{e007f}])$/u;

function clusterWidth(cluster: string): number {
  const code = cluster.codePointAt(0)!;
  if (/^[\p{Mn}\p{Me}\p{Cf}\p{Cc}]/u.test(cluster)) return 0;
  if (cluster.includes('\ufe0f')) return 2;
  return eastAsianWidth(code);
}
