// How pieces of Nix are spelled: strings, attribute names, path literals, and bindings over one or several lines.
// The only place that escapes text for Nix. Knows nothing of flakes or of modules.

const KEYWORDS: ReadonlySet<string> = new Set([
  'if',
  'then',
  'else',
  'assert',
  'with',
  'let',
  'in',
  'rec',
  'inherit',
  'or',
]);

/** True if `name` can stand in Nix as a variable or an unquoted attribute name. */
export function isIdentifier(name: string): boolean {
  return /^[a-zA-Z_][a-zA-Z0-9_'-]*$/.test(name) && !KEYWORDS.has(name);
}

/** A `"…"` literal whose value is `value`. `$` is escaped only where it would open an interpolation. */
export function nixString(value: string): string {
  const escaped = value
    .replace(/["\\]|\$(?=\{)/g, (c) => '\\' + c)
    .replace(/\n/g, '\\n')
    .replace(/\r/g, '\\r')
    .replace(/\t/g, '\\t');
  return '"' + escaped + '"';
}

/** One attribute name, quoted only where it must be. */
export function nixAttrName(name: string): string {
  return isIdentifier(name) ? name : nixString(name);
}

/** `a.b."c d"` */
export function nixAttrPath(names: readonly string[]): string {
  return names.map(nixAttrName).join('.');
}

/**
 * An expression for a path given as `./a`, `../a`, `/a` or `a/b`, fit to be a list item: a path literal, or
 * `(./. + "/with space.nix")` where a path literal cannot spell it.
 */
export function nixPath(path: string): string {
  const anchored = /^(\.{1,2}(\/|$)|\/)/.test(path) ? path : './' + path;
  const trimmed = anchored.length > 1 ? anchored.replace(/\/+$/, '') : anchored;
  if (/^(\.{1,2}|)(\/[a-zA-Z0-9._+-]+)+$/.test(trimmed)) return trimmed;
  if (trimmed === '.' || trimmed === '..') return trimmed + '/.';
  const [, head, tail] = /^(\.{1,2}|)(\/.*)$/s.exec(trimmed)!;
  return `(${head === '' ? '/.' : head + '/.'} + ${nixString(tail!)})`;
}

/**
 * Text that is either one line, or a head, indented items and a tail; `flat` and `lines` are its two renderings.
 * `spaced`: an empty line between the items.
 */
export type Layout =
  | string
  | { readonly head: string; readonly items: readonly Layout[]; readonly tail?: string; readonly spaced?: boolean };

/** `layout` on one line. */
export function flat(layout: Layout): string {
  if (typeof layout === 'string') return layout;
  return [layout.head, ...layout.items.map(flat), ...(layout.tail === undefined ? [] : [layout.tail])].join(' ');
}

/** `layout` as lines, each with its indentation. */
export function lines(layout: Layout, indent: string, unit: string): string[] {
  if (typeof layout === 'string') return [indent + layout];
  const items = layout.items.flatMap((item, i) => [
    ...(layout.spaced && i > 0 ? [''] : []),
    ...lines(item, indent + unit, unit),
  ]);
  return [indent + layout.head, ...items, ...(layout.tail === undefined ? [] : [indent + layout.tail])];
}
