// A locked input in a few characters, for people.

import { type Attrs, textAttr } from '../flake-ref/model.ts';

/** Such as `d02d818f22c7… (2023-11-25)`: revision, else hash, else path, and the UTC date of `lastModified`. */
export function describeLocked(locked: Attrs): string {
  const date = dateOf(locked.lastModified);
  return date === undefined ? nameOf(locked) : `${nameOf(locked)} (${date})`;
}

function nameOf(locked: Attrs): string {
  const rev = textAttr(locked, 'rev') ?? textAttr(locked, 'dirtyRev')?.replace(/-dirty$/, '');
  const dirty =
    textAttr(locked, 'rev') === undefined && textAttr(locked, 'dirtyRev') !== undefined ? ' with changes' : '';
  if (rev !== undefined) return `${shorten(rev, 12)}${dirty}`;
  const hash = textAttr(locked, 'narHash');
  if (hash !== undefined) return shorten(hash, 19);
  return textAttr(locked, 'path') ?? textAttr(locked, 'url') ?? 'unlocked';
}

const shorten = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length)}…` : text);

function dateOf(seconds: unknown): string | undefined {
  const date = typeof seconds === 'number' ? new Date(seconds * 1000) : undefined;
  return date === undefined || Number.isNaN(date.getTime()) ? undefined : date.toISOString().slice(0, 10);
}
