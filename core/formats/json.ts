// JSON (RFC 8259, strictly) with the place of every part. Unlike JSON.parse it refuses a key that occurs twice.

import { MOST } from '../limits.ts';
import type { ParseProblem, Place, PlacedText, Span } from './placed-text.ts';

type Node = Span & { readonly value: unknown } & (
    | { readonly kind: 'object'; readonly members: ReadonlyMap<string, { readonly key: Span; readonly node: Node }> }
    | { readonly kind: 'array'; readonly items: readonly Node[] }
    | { readonly kind: 'scalar' }
  );

/** Text without a byte order mark to a value. Never throws; stops at the first mistake. Nesting is limited to 200. */
export function parseJson(text: string): PlacedText {
  const cursor = { text, at: 0 };
  try {
    const root = value(cursor, 0);
    space(cursor);
    if (cursor.at < text.length) throw mistake(cursor, 'unexpected text after the end of the JSON value');
    return { ok: true, value: root.value, placeOf: (keys) => placeOf(root, keys) };
  } catch (thrown) {
    if (thrown instanceof Mistake) return { ok: false, problems: [thrown.problem] };
    throw thrown;
  }
}

/** Carries a problem out of the recursion; never leaves this file. */
class Mistake {
  readonly problem: ParseProblem;
  constructor(problem: ParseProblem) {
    this.problem = problem;
  }
}

interface Cursor {
  readonly text: string;
  at: number;
}

function placeOf(root: Node, keys: readonly string[]): Place | undefined {
  let node = root;
  let key: Span | undefined;
  for (const name of keys) {
    if (node.kind === 'object') {
      const member = node.members.get(name);
      if (member === undefined) return undefined;
      ({ key, node } = member);
    } else if (node.kind === 'array' && /^(0|[1-9]\d*)$/.test(name)) {
      const item = node.items[Number(name)];
      if (item === undefined) return undefined;
      key = undefined;
      node = item;
    } else return undefined;
  }
  const place = { start: node.start, end: node.end };
  return key === undefined ? { value: place } : { key, value: place };
}

function value(cursor: Cursor, depth: number): Node {
  space(cursor);
  if (depth > MOST.jsonDepth) throw mistake(cursor, 'nested too deeply');
  const char = cursor.text[cursor.at];
  if (char === '{') return object(cursor, depth);
  if (char === '[') return array(cursor, depth);
  if (char === '"') return string(cursor);
  if (char === undefined) throw mistake(cursor, 'the text ends where a value is expected');
  return word(cursor);
}

function object(cursor: Cursor, depth: number): Node {
  const start = cursor.at++;
  const members = new Map<string, { key: Span; node: Node }>();
  const plain: Record<string, unknown> = {};
  for (space(cursor); cursor.text[cursor.at] !== '}'; ) {
    if (members.size > 0) separator(cursor, '}');
    if (cursor.text[cursor.at] !== '"') throw unexpected(cursor, 'a key in double quotes');
    const key = string(cursor);
    const name = key.value as string;
    if (members.has(name)) throw new Mistake({ message: `duplicate key ${JSON.stringify(name)}`, span: key });
    space(cursor);
    if (cursor.text[cursor.at] !== ':') throw unexpected(cursor, '":"');
    cursor.at++;
    const node = value(cursor, depth + 1);
    members.set(name, { key: { start: key.start, end: key.end }, node });
    // Defined, not assigned: a key named __proto__ is data.
    Object.defineProperty(plain, name, { value: node.value, enumerable: true, writable: true, configurable: true });
    space(cursor);
  }
  return { kind: 'object', start, end: ++cursor.at, members, value: plain };
}

function array(cursor: Cursor, depth: number): Node {
  const start = cursor.at++;
  const items: Node[] = [];
  for (space(cursor); cursor.text[cursor.at] !== ']'; space(cursor)) {
    if (items.length > 0) separator(cursor, ']');
    items.push(value(cursor, depth + 1));
  }
  return { kind: 'array', start, end: ++cursor.at, items, value: items.map((item) => item.value) };
}

/** The comma between two members; a comma before the closing bracket gets its own message. */
function separator(cursor: Cursor, close: string): void {
  if (cursor.text[cursor.at] !== ',') throw unexpected(cursor, `"," or "${close}"`);
  const comma = cursor.at++;
  space(cursor);
  if (cursor.text[cursor.at] === close)
    throw new Mistake({
      message: `comma before "${close}"`,
      hint: 'remove it: JSON has no trailing commas',
      span: { start: comma, end: comma + 1 },
    });
}

function string(cursor: Cursor): Node {
  const pattern = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
  pattern.lastIndex = cursor.at;
  const match = pattern.exec(cursor.text);
  if (match === null) throw badString(cursor);
  const start = cursor.at;
  cursor.at = pattern.lastIndex;
  return { kind: 'scalar', start, end: cursor.at, value: JSON.parse(match[0]) };
}

function badString(cursor: Cursor): Mistake {
  const start = cursor.at;
  const good = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;
  good.lastIndex = start;
  good.exec(cursor.text);
  const at = good.lastIndex;
  if (cursor.text[at] === '\\')
    return new Mistake({
      message: 'unknown escape in a string',
      span: { start: at, end: Math.min(at + 2, cursor.text.length) },
    });
  return new Mistake({ message: 'string without a closing quote', span: { start, end: at } });
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** Anything that is neither a bracket nor a string: true, false, null, a number, or a mistake. */
function word(cursor: Cursor): Node {
  const pattern = /[^\s{}[\]",:]+/y;
  pattern.lastIndex = cursor.at;
  const text = pattern.exec(cursor.text)?.[0] ?? '';
  const span = { start: cursor.at, end: cursor.at + Math.max(text.length, 1) };
  if (text === '') throw unexpected(cursor, 'a value');
  if (/^(?:\/[/*]|#)/.test(text)) throw comment(span);
  if (!/^(?:true|false|null)$/.test(text) && !NUMBER.test(text))
    throw new Mistake({ message: `unexpected ${JSON.stringify(clip(text))}`, hint: 'put text in double quotes', span });
  cursor.at = span.end;
  return { kind: 'scalar', ...span, value: JSON.parse(text) };
}

function space(cursor: Cursor): void {
  const pattern = /[ \t\r\n]*/y;
  pattern.lastIndex = cursor.at;
  pattern.exec(cursor.text);
  cursor.at = pattern.lastIndex;
}

const clip = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text);

function unexpected(cursor: Cursor, expected: string): Mistake {
  const rest = cursor.text.slice(cursor.at, cursor.at + 2);
  if (/^(?:\/[/*]|#)/.test(rest)) return comment({ start: cursor.at, end: cursor.at + rest.length });
  const found =
    cursor.at < cursor.text.length
      ? JSON.stringify(String.fromCodePoint(cursor.text.codePointAt(cursor.at)!))
      : 'the end';
  return mistake(cursor, `expected ${expected}, found ${found}`);
}

const comment = (span: Span): Mistake =>
  new Mistake({ message: 'comment in JSON', hint: 'remove it, or write the spec as YAML', span });

const mistake = (cursor: Cursor, message: string): Mistake =>
  new Mistake({ message, span: { start: cursor.at, end: Math.min(cursor.at + 1, cursor.text.length) } });
