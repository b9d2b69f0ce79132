// Joins paths as Nix does, as text, relative to the file that is read.

/** A path literal of the file at `source`, led back to the top: `./x` in `./hosts/a.nix` is `./hosts/x`. */
export function fromTop(path: string, source: string | undefined): string {
  const dir = source?.split('/').slice(0, -1).join('/') ?? '.';
  if (dir === '.' || /^[/~]/.test(path)) return path;
  return `${dir}/${path.replace(/^\.\//, '')}`;
}

/** A longer path. Undefined for `./. + "x"`: it lies beside the directory, whose name the text does not tell. */
export function joinPath(path: string, tail: string): string | undefined {
  if (path.endsWith('/') || tail === '') return path + tail;
  const base = path.replace(/\/\.$/, '');
  return tail.startsWith('/') || !/(^|\/)\.{0,2}$/.test(base) ? base + tail : undefined;
}

/** The path without `.` and `..`, beginning with `./`; undefined if it leads out of the tree. */
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
