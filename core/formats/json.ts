// Parses JSON (RFC 8259, strictly) and gives the place of every part and of the first mistake. Unlike JSON.parse it refuses
// half a surrogate pair, and a repeated key unless told otherwise. It does not recurse, so no nesting overflows the stack.

import { MOST } from '../limits.ts';
import type { ParseProblem, Place, PlacedText, Span } from './placed-text.ts';

type Node = Span & { readonly value: unknown } & (
    | { readonly kind: 'object'; readonly members: ReadonlyMap<string, { readonly key: Span; readonly node: Node }> }
    | { readonly kind: 'array'; readonly items: readonly Node[] }
    | { readonly kind: 'scalar' }
  );

/** The depth a text may have, and which of two equal keys counts. */
interface Rules {
  readonly depth: number;
  readonly twice: 'refused' | 'last';
}

/** As a machine writes it: any depth, and of two equal keys the last, as JSON.parse has it. */
export const LENIENT: Rules = { depth: Number.POSITIVE_INFINITY, twice: 'last' };

/** Text without a byte order mark to a value. Never throws; stops at the first mistake. */
export function parseJson(text: string, rules: Rules = { depth: MOST.jsonDepth, twice: 'refused' }): PlacedText {
  const cursor = { text, at: 0 };
  try {
    const root = read(cursor, rules);
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

/** An object or array whose end has not come yet. */
type Open =
  | {
      readonly close: '}';
      readonly start: number;
      readonly members: Map<string, { key: Span; node: Node }>;
      readonly plain: Record<string, unknown>;
      key: { readonly name: string; readonly span: Span };
    }
  | { readonly close: ']'; readonly start: number; readonly items: Node[] };

function read(cursor: Cursor, rules: Rules): Node {
  const open: Open[] = [];
  for (;;) {
    space(cursor);
    let node = begin(cursor, open, rules);
    // A complete value may complete the array or object around it.
    while (node !== undefined) {
      const top = open.at(-1);
      if (top === undefined) return node;
      add(top, node);
      space(cursor);
      if (cursor.text[cursor.at] === top.close) {
        node = end(cursor, open);
      } else {
        separator(cursor, top.close);
        if (top.close === '}') top.key = readKey(cursor, top.members, rules);
        node = undefined;
      }
    }
  }
}

/** A scalar, or an empty object or array; undefined where one begins whose parts are still to come. */
function begin(cursor: Cursor, open: Open[], rules: Rules): Node | undefined {
  const char = cursor.text[cursor.at];
  if (char === '"') return string(cursor);
  if (char === undefined) throw mistake(cursor, 'the text ends where a value is expected');
  if (char !== '{' && char !== '[') return word(cursor);
  if (open.length >= rules.depth) throw mistake(cursor, 'nested too deeply');
  const start = cursor.at++;
  space(cursor);
  if (char === '[') {
    open.push({ close: ']', start, items: [] });
    return cursor.text[cursor.at] === ']' ? end(cursor, open) : undefined;
  }
  const top = {
    close: '}' as const,
    start,
    members: new Map(),
    plain: {},
    key: { name: '', span: { start, end: start } },
  };
  open.push(top);
  if (cursor.text[cursor.at] === '}') return end(cursor, open);
  top.key = readKey(cursor, top.members, rules);
  return undefined;
}

function readKey(cursor: Cursor, members: ReadonlyMap<string, unknown>, rules: Rules): { name: string; span: Span } {
  if (cursor.text[cursor.at] !== '"') throw unexpected(cursor, 'a key in double quotes');
  const { start, end, value } = string(cursor);
  const span = { start, end };
  const name = value as string;
  if (rules.twice === 'refused' && members.has(name))
    throw new Mistake({ message: `duplicate key ${JSON.stringify(name)}`, span });
  space(cursor);
  if (cursor.text[cursor.at] !== ':') throw unexpected(cursor, '":"');
  cursor.at++;
  return { name, span };
}

function add(top: Open, node: Node): void {
  if (top.close === ']') {
    top.items.push(node);
    return;
  }
  const { name, span } = top.key;
  top.members.set(name, { key: span, node });
  // Defined, not assigned: a key named __proto__ is data.
  Object.defineProperty(top.plain, name, { value: node.value, enumerable: true, writable: true, configurable: true });
}

function end(cursor: Cursor, open: Open[]): Node {
  const top = open.pop()!;
  const span = { start: top.start, end: ++cursor.at };
  return top.close === '}'
    ? { kind: 'object', ...span, members: top.members, value: top.plain }
    : { kind: 'array', ...span, items: top.items, value: top.items.map((item) => item.value) };
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

// One character or escape at a time: a repeated group would overflow the regular expression engine on long strings.
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPED =
  /\\(?:["\\/bfnrt]|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})/y;

function string(cursor: Cursor): Node {
  const start = cursor.at++;
  for (;;) {
    skip(cursor, PLAIN);
    const at = cursor.at;
    if (cursor.text[at] === '"') break;
    if (cursor.text[at] !== '\\')
      throw new Mistake({ message: 'string without a closing quote', span: { start, end: at } });
    skip(cursor, ESCAPED);
    if (cursor.at > at) continue;
    const isHalf = /^\\u[dD][89a-fA-F][0-9a-fA-F]{2}/.test(cursor.text.slice(at, at + 6));
    const message = isHalf ? 'half a surrogate pair in a string' : 'unknown escape in a string';
    throw new Mistake({ message, span: { start: at, end: Math.min(at + (isHalf ? 6 : 2), cursor.text.length) } });
  }
  cursor.at++;
  return { kind: 'scalar', start, end: cursor.at, value: JSON.parse(cursor.text.slice(start, cursor.at)) };
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** A word without quotes: true, false, null, a number, or a mistake. */
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
  skip(cursor, /[ \t\r\n]*/y);
}

function skip(cursor: Cursor, pattern: RegExp): void {
  pattern.lastIndex = cursor.at;
  if (pattern.test(cursor.text)) cursor.at = pattern.lastIndex;
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
