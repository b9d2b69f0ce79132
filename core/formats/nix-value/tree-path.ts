// Paths as Nix puts them together, relative to the file that is read, as text.

/** A path literal of the file at `source`, led back to the top: `./x` in `./hosts/a.nix` is `./hosts/x`. */
export function fromTop(path: string, source: string | undefined): string {
  const dir = source?.split('/').slice(0, -1).join('/') ?? '.';
  if (dir === '.' || /^[/~]/.test(path)) return path;
  return `${dir}/${path.replace(/^\.\//, '')}`;
}

/** A path made longer. Undefined for `./. + "x"`: it lies beside the directory, and begins with a name that no text says. */
export function joinPath(path: string, tail: string): string | undefined {
  if (path.endsWith('/') || tail === '') return path + tail;
  const base = path.replace(/\/\.$/, '');
  return tail.startsWith('/') || !/(^|\/)\.{0,2}$/.test(base) ? base + tail : undefined;
}

/** Without `.` and `..`, beginning with `./`; undefined where it leads out of the tree. */
export function plainPath(path: string): string | undefined {
  if (/^[/~]/.test(path)) return undefined;
  const out: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') {
      if (out.pop() === undefined) return undefined;
    } else if (part !== '' && part !== '.') out.push(part);
  }
  return `./${out.join('/')}`;
}
