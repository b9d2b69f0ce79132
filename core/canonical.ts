// Canonical JSON and digests: what gives a plan, a spec and a content their names.

import { createHash } from 'node:crypto';
import type { Digest } from './model.ts';

/** JSON with keys in UTF-16 order at every level, no white space; bytes as base64 text, undefined members left out. */
export function canonicalJson(value: unknown): string {
  return said(value, new Map());
}

/** `known`: the small objects that were said already. The edits of a tree share their entries, thousands of them one. */
function said(value: unknown, known: Map<object, string>): string {
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

/** Characters. What is longer is hardly shared, and would be kept twice. */
const SMALL = 200;

/** SHA-256 of bytes, or of the UTF-8 of a text. */
export const digestOf = (content: Uint8Array | string): Digest =>
  `sha256:${createHash('sha256').update(content).digest('hex')}`;
