// Finds credentials in any text (in URLs, headers, or known by their form) and takes them out, so that none is printed.
// Pure.

/** `https://user:token@host`: all of it; of ssh, whose user is no secret, the password. */
const USERINFO = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s/@"'<>?#\\]+)@/gi;

/**
 * `?access_token=…`, `&clientSecret=…`, `#id_token=…`: a parameter whose name says that it is a secret. A public key is
 * none. Names have a limit, so that a long word costs no more than its length.
 */
const PARAMETER =
  /([?&;#](?!public)(?:[\w.-]{0,40}?(?:token|secret|passw|passphrase|credential|signature|authorization|jwt|bearer)[\w.-]{0,40}|[\w.-]{0,40}?(?:key|auth|sig|pwd|pass|session|sessionid|sas))=)[^&;\s"'<>#\\]+/gi;

/** `Authorization: Bearer …`, `PRIVATE-TOKEN: …`, as curl shows the headers that it sends. */
const HEADER =
  /\b((?:proxy-)?authorization:\s*(?:bearer|basic|digest|negotiate|token)\s+|(?:private|job|deploy|x-auth|x-api)-(?:token|key):\s*)[^\s"'<>]+/gi;

/** Tokens of forges and services, which are known by their form wherever they are. */
const TOKEN =
  /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,}|sk-[A-Za-z0-9]{32,}|tskey-[\w-]{20,})/g;

const GONE = '***';

export function withoutCredentials(text: string): string {
  return text
    .replace(USERINFO, (whole, scheme: string, user: string) => {
      if (user === GONE) return whole;
      const isSsh = /ssh:\/\/$/i.test(scheme);
      const [name] = user.split(':');
      if (!isSsh) return `${scheme}${GONE}@`;
      return name === user ? whole : `${scheme}${name}:${GONE}@`;
    })
    .replace(PARAMETER, `$1${GONE}`)
    .replace(HEADER, (whole, name: string) => (whole === name + GONE ? whole : name + GONE))
    .replace(TOKEN, GONE);
}

/** The same of every string in plain data. Bytes are left alone, and what has no such string is the same object. */
export function dataWithoutCredentials<T>(value: T): T {
  if (typeof value === 'string') return withoutCredentials(value) as T & string;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value;
  if (Array.isArray(value)) {
    const items = value.map(dataWithoutCredentials);
    return items.every((item, at) => item === value[at]) ? value : (items as T & unknown[]);
  }
  const entries = Object.entries(value).map(([key, member]) => [key, dataWithoutCredentials(member)] as const);
  return entries.every(([key, member]) => member === (value as Record<string, unknown>)[key])
    ? value
    : (Object.fromEntries(entries) as T);
}
