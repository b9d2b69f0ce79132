// Everything that can be seen of a tree, as rows that compare: names (as bytes), bytes, modes, owners, link targets,
// hard links, extended attributes and ACLs; and the times of files, which must be kept by what was not touched.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, lutimesSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A tree at one moment. */
export interface Snapshot {
  /** `path TAB facts`, in the order of names. Two trees are equal if their rows are. */
  readonly rows: readonly string[];
  /** For files and links: the content, and when it was written (nanoseconds). */
  readonly contents: ReadonlyMap<string, { readonly what: string; readonly time: bigint }>;
}

/** Looks at everything below `root`, and at `root` itself. */
export function snapshotOf(root: string): Snapshot {
  const rows: string[] = [];
  const contents = new Map<string, { what: string; time: bigint }>();
  const visit = (disk: Buffer, path: string): void => {
    const stat = lstatSync(disk, { bigint: true });
    const facts = [(Number(stat.mode) & 0o7777).toString(8).padStart(4, '0'), `${stat.uid}:${stat.gid}`];
    if (stat.isDirectory()) {
      rows.push(`${path || '/'}\tdir ${facts.join(' ')}`);
      const names = readdirSync(disk, { encoding: 'buffer' }).sort(Buffer.compare);
      for (const name of names) visit(Buffer.concat([disk, Buffer.from('/'), name]), `${path}/${nameOf(name)}`);
      return;
    }
    const what = stat.isSymbolicLink()
      ? `link ${nameOf(readlinkSync(disk, { encoding: 'buffer' }))}`
      : stat.isFile()
        ? `file ${createHash('sha256').update(readFileSync(disk)).digest('hex').slice(0, 16)}`
        : 'other';
    const shared = stat.nlink > 1n ? ` ${stat.nlink} names` : '';
    rows.push(`${path}\t${what} ${facts.slice(stat.isSymbolicLink() ? 1 : 0).join(' ')}${shared}`);
    contents.set(path, { what, time: stat.mtimeNs });
  };
  visit(Buffer.from(root), '');
  return { rows: [...rows, ...attributes(root)].sort(), contents };
}

/** Gives every file and link below `root` a time long ago: what is not touched still has it afterwards. */
export function age(root: string): void {
  const visit = (disk: Buffer): void => {
    const stat = lstatSync(disk);
    if (stat.isDirectory())
      for (const name of readdirSync(disk, { encoding: 'buffer' }))
        visit(Buffer.concat([disk, Buffer.from('/'), name]));
    lutimesSync(disk, LONG_AGO, LONG_AGO);
  };
  visit(Buffer.from(root));
}

/** Seconds since 1970, in 2001. */
const LONG_AGO = 981_173_106;
const LONG_AGO_NS = BigInt(LONG_AGO) * 1_000_000_000n;

/** The contents of files that have kept their time: they must still have it, wherever they are. */
export const untouched = ({ contents }: Snapshot): ReadonlySet<string> =>
  new Set([...contents.values()].filter(({ time }) => time === LONG_AGO_NS).map(({ what }) => what));

/** The number of rows that differ, and up to six of them in words; undefined if none does. */
export function difference(
  due: Snapshot,
  found: Snapshot,
  kept: ReadonlySet<string>,
): { readonly count: number; readonly text: string } | undefined {
  const have = new Set(found.rows);
  const want = new Set(due.rows);
  const rows = [
    ...due.rows.filter((row) => !have.has(row)).map((row) => `- ${row}`),
    ...found.rows.filter((row) => !want.has(row)).map((row) => `+ ${row}`),
    ...[...found.contents]
      .filter(([, { what, time }]) => kept.has(what) && time !== LONG_AGO_NS)
      .map(([path]) => `${path}: not touched, but its time was not kept`),
  ];
  return rows.length === 0
    ? undefined
    : { count: rows.length, text: rows.slice(0, 6).join('; ').replaceAll('\t', ' ') };
}

/** A name that is not UTF-8, or would break a row, as a text that is still one to one. */
function nameOf(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return Buffer.from(text).equals(bytes) && !/[\n\t]/.test(text) ? text : `<${bytes.toString('hex')}>`;
}

/** The attributes that getfattr prints, ACLs included; empty if it is not installed. */
function attributes(root: string): readonly string[] {
  const args = ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '.'];
  const { status, stdout } = spawnSync('getfattr', args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) return [];
  return stdout.split('\n\n').flatMap((block) => {
    const [head, ...lines] = block.trim().split('\n');
    return head?.startsWith('# file: ') ? lines.map((line) => `/${head.slice(8)}\tattribute ${line}`) : [];
  });
}
