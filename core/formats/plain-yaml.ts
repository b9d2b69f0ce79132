// Reads YAML as specs are mostly written: maps by indentation, plain words, quoted words, short lists and maps on one line.
// It gives up at anything else, and spares the package `yaml`, which costs a tenth of an in-sync plan.

import type { Place, PlacedText, Span } from './placed-text.ts';

type Node = { readonly span: Span } & (
  | { readonly kind: 'scalar'; readonly value: string | number | boolean }
  | { readonly kind: 'list'; readonly items: readonly Node[] }
  | { readonly kind: 'map'; readonly members: ReadonlyMap<string, { readonly key: Span; readonly node: Node }> }
);

/**
 * The result of `parseYaml` for the text, except that a map ends before the comment behind it. Undefined: use `parseYaml`, for
 * every text that has a mistake, too.
 */
export function parsePlainYaml(text: string): (PlacedText & { readonly ok: true }) | undefined {
  // Printable ASCII and line ends, with more only in comments.
  const lines = linesOf(text);
  const top = lines && blockMap(lines, { at: 0 }, 0);
  if (top === undefined || lines?.length === 0) return undefined;
  return { ok: true, value: plainValue(top), placeOf: (keys) => placeOf(top, keys) };
}

/** A line that says something: its key, and what stands behind the colon. */
interface Line {
  readonly indent: number;
  readonly key: string;
  readonly start: number;
  readonly rest: string;
  readonly restStart: number;
}

const LINE = /^( *)([A-Za-z][\w-]*):(?:( +)(\S.*?))?(?: +#.*)?$/;
const NOTHING = /^ *(?:#.*)?$/;

function linesOf(text: string): readonly Line[] | undefined {
  const lines: Line[] = [];
  let at = 0;
  for (const line of text.split('\n')) {
    if (!NOTHING.test(line)) {
      const match = LINE.exec(line);
      if (match === null) return undefined;
      const [, spaces = '', key = '', gap = '', rest = ''] = match;
      // A `#` that belongs to a quoted word would have been taken for a comment.
      const said = rest.startsWith('#') ? '' : rest;
      if (said.includes('#')) return undefined;
      const start = at + spaces.length;
      lines.push({ indent: spaces.length, key, start, rest: said, restStart: start + key.length + 1 + gap.length });
    }
    at += line.length + 1;
  }
  return lines;
}

function blockMap(lines: readonly Line[], cursor: { at: number }, indent: number): Node | undefined {
  const members = new Map<string, { key: Span; node: Node }>();
  const first = lines[cursor.at];
  let end = 0;
  for (let line = first; line !== undefined && line.indent >= indent; line = lines[cursor.at]) {
    if (line.indent !== indent || members.has(line.key)) return undefined;
    cursor.at++;
    const next = lines[cursor.at];
    const nested = line.rest === '' && next !== undefined && next.indent > indent;
    const node = nested ? blockMap(lines, cursor, next.indent) : flow(line.rest, line.restStart);
    if (node === undefined) return undefined;
    end = node.span.end;
    members.set(line.key, { key: { start: line.start, end: line.start + line.key.length }, node });
  }
  return first && { kind: 'map', members, span: { start: first.start, end } };
}

/** A word that every YAML reader takes as these characters: no indicator begins it, no schema gives it another type. */
const WORD = /^[A-Za-z~./][\w~./+@=-]*(?::[\w~./+@=-]+)*$/;
const TYPED = /^(?:~|null|true|false|[-+]?\.(?:inf|nan))$/i;
const QUOTED = /^"([\w ~./:+@=*?&,'()-]*)"$/;
const DURATION = /^\d{1,9}[smhdwy]$/;
const NUMBER = /^(?:0|[1-9]\d{0,8})$/;

function flow(text: string, start: number): Node | undefined {
  const span = { start, end: start + text.length };
  const quoted = QUOTED.exec(text)?.[1];
  if (quoted !== undefined) return { kind: 'scalar', value: quoted, span };
  if (NUMBER.test(text)) return { kind: 'scalar', value: Number(text), span };
  if (text === 'true' || text === 'false') return { kind: 'scalar', value: text === 'true', span };
  if (DURATION.test(text) || (WORD.test(text) && !TYPED.test(text))) return { kind: 'scalar', value: text, span };
  const list = /^\[( *)([^[\]{}"]*?) *\]$/.exec(text);
  if (list !== null) return flowList(list[2]!, start + 1 + list[1]!.length, span);
  const map = /^\{( *)([^[\]{}"]*?) *\}$/.exec(text);
  return map === null ? undefined : flowMap(map[2]!, start + 1 + map[1]!.length, span);
}

function flowList(inside: string, start: number, span: Span): Node | undefined {
  const items = pieces(inside, start).map(([piece, at]) => flow(piece, at));
  return items.some((item) => item?.kind !== 'scalar') ? undefined : { kind: 'list', items: items as Node[], span };
}

function flowMap(inside: string, start: number, span: Span): Node | undefined {
  const members = new Map<string, { key: Span; node: Node }>();
  for (const [piece, at] of pieces(inside, start)) {
    const [, key = '', gap = '', rest = ''] = /^([A-Za-z][\w-]*):( +)(\S+)$/.exec(piece) ?? [];
    const node = key === '' || members.has(key) ? undefined : flow(rest, at + key.length + 1 + gap.length);
    if (node?.kind !== 'scalar') return undefined;
    members.set(key, { key: { start: at, end: at + key.length }, node });
  }
  return members.size === 0 ? undefined : { kind: 'map', members, span };
}

/** The pieces between commas, without the blanks around them, each with its offset. */
function pieces(inside: string, start: number): readonly (readonly [string, number])[] {
  let at = start;
  return inside.split(',').map((piece) => {
    const found = [piece.trim(), at + (piece.length - piece.trimStart().length)] as const;
    at += piece.length + 1;
    return found;
  });
}

function plainValue(node: Node): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plainValue);
  return Object.fromEntries([...node.members].map(([name, { node: member }]) => [name, plainValue(member)]));
}

function placeOf(top: Node, keys: readonly string[]): Place | undefined {
  let node = top;
  let key: Span | undefined;
  for (const name of keys) {
    const member = node.kind === 'map' ? node.members.get(name) : undefined;
    const item = node.kind === 'list' && /^(?:0|[1-9]\d*)$/.test(name) ? node.items[Number(name)] : undefined;
    const next = member?.node ?? item;
    if (next === undefined) return undefined;
    key = member?.key;
    node = next;
  }
  return key === undefined ? { value: node.span } : { key, value: node.span };
}
