// The order in which Nix sorts attribute names and keys: by the bytes of their UTF-8 form.

/** Compares like `strcmp` on UTF-8: negative, zero or positive. UTF-16 order differs only above U+FFFF and at surrogates. */
export function byteOrder(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return isSurrogate(left) === isSurrogate(right) ? left - right : isSurrogate(left) ? 1 : -1;
  }
  return a.length - b.length;
}

/** A sorted copy of the entries of a map or record, by key. */
export function sortedEntries<T>(entries: Iterable<readonly [string, T]>): readonly (readonly [string, T])[] {
  return [...entries].sort(([a], [b]) => byteOrder(a, b));
}

// A surrogate belongs to a character above every character of the basic plane.
const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff;
