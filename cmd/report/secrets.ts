// Recognises text that must not be shown: by the mode of a file, by key headers, and by the names of settings.

import type { Entry } from '../../core/model.ts';

/** Shown in place of a secret; the word after the comma says only whether the secret changes. */
export const secret = (state?: 'changed' | 'unchanged'): string =>
  state === undefined ? '(secret)' : `(secret, ${state})`;

/** True for a file that only its owner may read: its bytes are not shown. */
export const isPrivate = (entry: Entry): boolean => entry.type === 'file' && (entry.mode & 0o077) === 0;

const KEYS = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----|AGE-SECRET-KEY-1|"?sops_age_key"?\s*[:=]/;

/** True if a text holds a private key. */
export const holdsKey = (text: string): boolean => KEYS.test(text);

/** True if the value of a setting is secret: `users.users.a.hashedPassword`, `access-tokens`. */
export const isSecretName = (name: string): boolean =>
  /passw(?:or)?d(?!File|_file|-file)|passphrase|secret(?!File|s\.nix)|\bpsk\b|(?:access|api|auth)[-_]?(?:tokens?|keys?)\b|private[-_]?key(?!File|_file|-file)/i.test(
    name,
  );

/**
 * The places of the secret values in one line of Nix or nix.conf: the string or the words after the name of a secret setting.
 * Offsets are in UTF-16 units.
 */
export function secretsIn(line: string): readonly { readonly start: number; readonly end: number }[] {
  const assignment = /([A-Za-z0-9_."'-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^"\s;{[(][^;]*))/dg;
  return [...line.matchAll(assignment)].flatMap((match) => {
    const span = match.indices?.[2] ?? match.indices?.[3];
    const value = match[2] ?? match[3] ?? '';
    // A boolean or a reference to something else is not the secret itself.
    const harmless =
      value === '' ||
      /^(?:true|false|null|\d+)$/.test(value.trim()) ||
      (match[2] === undefined && !/tokens?/.test(match[1]!));
    return span === undefined || harmless || !isSecretName(match[1]!) ? [] : [{ start: span[0], end: span[1] }];
  });
}
