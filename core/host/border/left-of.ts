// As root: what reflake has left of another user's. A child with their ids finds it and removes it, so that a link of theirs leads
// no further than they could go themselves.

import type { Left } from '../../event.ts';
import { unreadable } from '../../machine/reader.ts';
import type { Person } from '../../model.ts';
import { type AbsPath, absolute, ROOT } from '../../path.ts';
import type { LeftHere, Removal } from '../left.ts';
import { looker } from './looker.ts';
import { isNumber } from './wire.ts';

/** Throws `unreadable` where the child can't be started, or its answer has another shape. */
export const leftOf = (who: Person): readonly LeftHere[] =>
  checked(who, listIn(looker(ROOT, who).ask('left'), leftIn)).filter(({ path }) => path !== ROOT);

/** Removes those of `wanted`. Throws as leftOf does. */
export const removeLeftOf = (who: Person, wanted: readonly AbsPath[], holder: string): readonly Removal[] =>
  checked(who, listIn(looker(ROOT, who).ask('removeLeft', wanted, holder), removalIn));

function checked<T>(who: Person, found: T | undefined): T {
  if (found === undefined) throw unreadable(absolute(who.home), `the process of ${who.name} gives no sense`);
  return found;
}

function listIn<T>(value: unknown, one: (value: unknown) => T | undefined): readonly T[] | undefined {
  const found = Array.isArray(value) ? value.map(one) : [undefined];
  return found.every((item) => item !== undefined) ? found : undefined;
}

const KINDS: readonly Left['what'][] = ['state', 'cache', 'downloads', 'scratch', 'set aside', 'other'];

function leftIn(value: unknown): LeftHere | undefined {
  const { what, path, bytes, entries, stays, isOpen } = (value ?? {}) as Record<string, unknown>;
  const kind = KINDS.find((one) => one === what);
  const most = Number.MAX_SAFE_INTEGER;
  if (kind === undefined || !isPath(path) || !isNumber(bytes, most) || !isNumber(entries, most)) return undefined;
  return {
    what: kind,
    path: absolute(path),
    bytes,
    entries,
    ...(typeof stays === 'string' && { stays }),
    ...(isOpen === true && { isOpen }),
  };
}

function removalIn(value: unknown): Removal | undefined {
  const { path, why } = (value ?? {}) as Record<string, unknown>;
  return isPath(path) ? { path: absolute(path), ...(typeof why === 'string' && { why }) } : undefined;
}

const isPath = (value: unknown): value is string =>
  typeof value === 'string' && value.startsWith('/') && !value.includes('\0');
