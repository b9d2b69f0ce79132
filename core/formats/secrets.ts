// Recognises secrets in a file by its name and its bytes: private keys, passwords, tokens. Encrypted ones are none. Pure; the
// caller decides what a secret in sight costs.

/**
 * The reason a file is taken for secret. `span`: the place in its text, read as Latin-1; none where its name or kind says so.
 */
export interface Secret {
  readonly what: string;
  readonly span?: { readonly start: number; readonly end: number };
}

/** What is not to be shown to anybody. `name`: the last part of the file's path. */
export function secretsIn(name: string, bytes: Uint8Array): readonly Secret[] {
  const text = latin1Of(bytes);
  if (isEncrypted(text)) return [];
  const named = NAMES.find(([pattern]) => pattern.test(name));
  const found = TEXTS.flatMap(([pattern, what]) => matchesOf(pattern, text, what));
  return [...(named === undefined ? [] : [{ what: named[1] }]), ...found];
}

/**
 * The options of a module, written as a string, by which a NixOS build shows a password to everybody anyway. `what`: the name
 * of the option. Comments hold none.
 */
export function passwordsIn(module: Uint8Array): readonly Required<Secret>[] {
  const text = latin1Of(module);
  return [...text.matchAll(PASSWORD)].flatMap(({ index, 0: { length }, 1: what = '' }) =>
    /#[^\n]*$/.test(text.slice(text.lastIndexOf('\n', index) + 1, index))
      ? []
      : [{ what, span: { start: index, end: index + length } }],
  );
}

const latin1Of = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MOST_BYTES)).toString('latin1');

/** A secret stands near the beginning of its file, or the file is no text. */
const MOST_BYTES = 256 * 1024;

/** age, sops, git-crypt, PGP, Ansible. */
const isEncrypted = (text: string): boolean =>
  /^(age-encryption\.org\/v1|-----BEGIN (AGE ENCRYPTED FILE|PGP MESSAGE)-----|\0GITCRYPT\0|\$ANSIBLE_VAULT;|Salted__)/.test(
    text,
  ) ||
  (/(^|\n|[{,]\s*)"?sops"?\s*[:=]/.test(text) && /ENC\[AES256_GCM,/.test(text));

/** Names of files that hold nothing but a secret. A template or a public key is none. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^\.env(\.(?!example|sample|template|dist)[\w-]+)*$/, 'a file of environment secrets'],
  [/^(id_)?[\w.-]*(_rsa|_dsa|_ecdsa|_ed25519)$/, 'a private key, by its name'],
  [/\.(psk|kdbx|keytab|jks|p12|pfx)$/, 'a file of keys, by its name'],
  [
    /^(\.netrc|\.git-credentials|\.pgpass|\.htpasswd|\.vault-token|\.age-key|keys\.txt)$/,
    'a file of passwords, by its name',
  ],
];

const TEXTS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----/g, 'a private key'],
  [/\bAGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]{20,}/g, 'a secret key of age'],
  [/^\s*PrivateKey\s*=\s*[A-Za-z0-9+/]{43}=/gm, 'a private key of WireGuard'],
  [/\bprivateKey\s*=\s*"[A-Za-z0-9+/]{43}="/g, 'a private key of WireGuard'],
  [
    /\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@"'`$<>{}]*:(?!(?:pass(?:word|wd)?|pw|secret|token|x+|\*+|changeme|example)@)[^\s/@"'`$<>{}]{3,}@/gi,
    'a password in a url',
  ],
  [/[?&](?:access_token|api_key|token|password)=[^\s&"'$<{]{8,}/g, 'a token in a url'],
  [
    /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|sk-[A-Za-z0-9]{32,}|tskey-[\w-]{20,})\b/g,
    'a token',
  ],
];

const PASSWORD =
  /\b(initialHashedPassword|initialPassword|hashedPassword|password|psk|pskRaw|passphrase)\s*=\s*"(?:[^"$]|\$(?!\{))+"/g;

const matchesOf = (pattern: RegExp, text: string, what: string): readonly Secret[] =>
  [...text.matchAll(pattern)].map(({ index, 0: { length } }) => ({
    what,
    span: { start: index, end: index + length },
  }));
