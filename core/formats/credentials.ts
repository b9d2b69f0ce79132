// Finds credentials in URLs of any text and takes them out, so that none is printed. Pure.

/** `https://user:token@host`: all of it; of ssh, whose user is no secret, the password. */
const USERINFO = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s/@"'<>?#\\]+)@/gi;

/** `?access_token=…`, in a url or anywhere else. */
const QUERY =
  /([?&;](?:access[-_]?token|private[-_]?token|job[-_]?token|oauth[-_]?token|token|auth|authorization|password|passwd|pwd|api[-_]?key|secret|signature|sig|x-amz-signature|x-amz-security-token|x-amz-credential|key)=)[^&;\s"'<>#\\]+/gi;

const GONE = '***';

export function withoutCredentials(text: string): string {
  if (!text.includes('://') && !text.includes('=')) return text;
  return text
    .replace(USERINFO, (whole, scheme: string, user: string) => {
      if (user === GONE) return whole;
      const isSsh = /ssh:\/\/$/i.test(scheme);
      const [name] = user.split(':');
      if (!isSsh) return `${scheme}${GONE}@`;
      return name === user ? whole : `${scheme}${name}:${GONE}@`;
    })
    .replace(QUERY, `$1${GONE}`);
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
