// JSON pointers (RFC 6901) as lists of keys and back, and as the words that messages use.

import type { JsonPointer } from '../diagnostic.ts';

/** `['inputs', 'a/b']` to `/inputs/a~1b`. */
export const toPointer = (keys: readonly (string | number)[]): JsonPointer =>
  keys.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** The inverse of toPointer; array indices come back as digits. */
export function fromPointer(pointer: JsonPointer): readonly string[] {
  const keys = pointer.split('/').slice(1);
  // This runs hundreds of times for each plan, and hardly any key holds a `~`.
  return pointer.includes('~') ? keys.map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~')) : keys;
}

/** `/config/modules/0` as people write it: `config.modules[0]`; the whole is `the spec`. */
export const pointerWords = (pointer: JsonPointer): string =>
  fromPointer(pointer).reduce(
    (words, key) => (/^\d+$/.test(key) && words !== '' ? `${words}[${key}]` : words === '' ? key : `${words}.${key}`),
    '',
  ) || 'the spec';
