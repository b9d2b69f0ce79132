// Canonical JSON and digests, the names of plans, specs and contents.

import { createHash, type Hash } from 'node:crypto';
import { hashOf } from './little-hash.ts';
import type { Digest } from './model.ts';

/**
 * The digest of canonical JSON: keys in UTF-16 order at every level, no white space; bytes as base64 text, undefined members
 * left out. Never the whole text: that of a plan may be long.
 */
export function digestOfJson(value: unknown): Digest {
  let hash: Hash | undefined;
  let piece = '';
  const out = (more: string): void => {
    piece += more;
    if (piece.length < PIECE) return;
    hash ??= createHash('sha256');
    hash.update(piece);
    piece = '';
  };
  say(value, { out, known: new Map() });
  return hash === undefined ? digestOf(piece) : `sha256:${hash.update(piece).digest('hex')}`;
}

/** Characters that are hashed at once. */
const PIECE = 1 << 16;

interface Saying {
  readonly out: (piece: string) => void;
  /** Texts of small objects met before: the edits of a tree share their entries, thousands of them one. */
  readonly known: Map<object, string>;
}

/** Goes piece by piece through what may be long: lists, and objects with lists. A piece never ends within a string. */
function say(value: unknown, saying: Saying): void {
  if (Array.isArray(value)) {
    saying.out('[');
    value.forEach((item, index) => {
      if (index > 0) saying.out(',');
      say(item, saying);
    });
    saying.out(']');
  } else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    saying.out('{');
    let isFirst = true;
    for (const key of Object.keys(value).sort()) {
      const member: unknown = value[key as keyof typeof value];
      if (member === undefined) continue;
      saying.out(`${isFirst ? '' : ','}${JSON.stringify(key)}:`);
      isFirst = false;
      if (Array.isArray(member)) say(member, saying);
      else saying.out(said(member, saying.known));
    }
    saying.out('}');
  } else saying.out(said(value, saying.known));
}

function said(value: unknown, known: Saying['known']): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString('base64'));
  if (Array.isArray(value)) return `[${value.map((item) => said(item, known)).join(',')}]`;
  const before = known.get(value);
  if (before !== undefined) return before;
  let text = '';
  for (const key of Object.keys(value).sort()) {
    const member: unknown = value[key as keyof typeof value];
    if (member !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${said(member, known)}`;
  }
  text = `{${text}}`;
  if (text.length < SMALL) known.set(value, text);
  return text;
}

/** Characters. A longer text is hardly shared, and would be kept twice. */
const SMALL = 200;

/** SHA-256 of bytes, or of the UTF-8 of a text. */
export const digestOf = (content: Uint8Array | string): Digest =>
  `sha256:${hashOf('sha256', typeof content === 'string' ? Buffer.from(content) : content).toString('hex')}`;
