// The bytes that a plan would write, or a past apply wrote, as unified diffs in the manner of git. Loads the package `diff` when it is loaded itself.

import { structuredPatch } from 'diff';
import { digestOf } from '../../core/canonical.ts';
import {
  type Digest,
  type Edit,
  keepsContent,
  type Move,
  type Owner,
  type Plan,
  type Put,
  type Puttable,
  type Step,
} from '../../core/model.ts';
import { type AbsPath, byteOrder, rebase } from '../../core/path.ts';
import { beforeMoves, type MayRead, SEES_ALL, withheld } from '../../core/plan/caller-may-read.ts';
import { editsOf } from '../../core/plan/edits.ts';
import type { Theme } from './colour.ts';
import { holdsKey, isPrivate, secret, secretsIn } from './secrets.ts';

/** What the diff needs of a plan; the edits of a past apply have it as well. */
export interface Bytes extends Pick<Plan, 'blobs'> {
  readonly steps: readonly Pick<Step, 'edits'>[];
}

/** `contentOf` reads what is at a path of the machine now; `nameOf` says an owner as `srid:users`. */
export interface DiffWords {
  readonly contentOf: (path: AbsPath) => Uint8Array | undefined;
  readonly nameOf: (owner: Owner) => string;
  /** True if the reader of the diff can read the file at a path now. Default: always true. */
  readonly mayRead?: MayRead;
}

/**
 * The diff of every edit; paths that only change owner or mode, and git's own files, last and in groups. Without a line end
 * after the last line.
 */
export function planDiff(plan: Bytes, words: DiffWords, theme: Theme): string {
  const edits = editsOf(plan.steps);
  const moves = edits.filter((edit): edit is Move => edit.op === 'move');
  const bytesOf = (put: Put, which: 'before' | 'after'): Uint8Array | undefined => {
    const entry = put[which];
    if (entry.type === 'link') return Buffer.from(entry.target);
    if (entry.type !== 'file' || entry.content === undefined) return undefined;
    const there =
      plan.blobs[entry.content] ?? words.contentOf(which === 'before' ? pathBefore(put.path, moves) : put.path);
    return there !== undefined && sameDigest(there, entry.content) ? there : undefined;
  };
  const mayRead = beforeMoves(plan, words.mayRead ?? SEES_ALL);
  const parts: string[] = [];
  const metadata: Put[] = [];
  for (const edit of edits) {
    if (edit.op === 'put' && (keepsContent(edit.before, edit.after) || isOfGit(edit))) metadata.push(edit);
    else if (edit.op === 'put' && !mayRead(edit.path))
      parts.push([theme.paint('bold', `diff ${theme.show(edit.path)}`), theme.show(withheld(edit.path))].join('\n'));
    else if (edit.op === 'put')
      parts.push(putDiff(edit, bytesOf(edit, 'before'), bytesOf(edit, 'after'), words, theme));
    else parts.push(otherDiff(edit, theme));
  }
  // As people read a tree, whatever order it is done in.
  metadata.sort((a, b) => byteOrder(a.path, b.path));
  return [...parts, ...metadataDiff(metadata, words, theme)].join('\n');
}

const sameDigest = (bytes: Uint8Array, digest: Digest): boolean => digestOf(bytes) === digest;

/** The path of a file before the plan's moves. */
const pathBefore = (path: AbsPath, moves: readonly Move[]): AbsPath =>
  moves.map(({ from, to }) => rebase(path, to, from)).find((old) => old !== undefined) ?? path;

/** A file of git's own: nobody reads its bytes, and a new repository has dozens of them. */
const isOfGit = ({ path }: Put): boolean => path.endsWith('/.git') || path.includes('/.git/');

function otherDiff(edit: Exclude<Edit, Put>, theme: Theme): string {
  if (edit.op === 'move')
    return [
      `diff ${theme.show(edit.from)} ${theme.show(edit.to)}`,
      `rename from ${theme.show(edit.from)}`,
      `rename to ${theme.show(edit.to)}`,
    ].join('\n');
  const target =
    edit.target.kind === 'flake'
      ? edit.target.installable
      : (edit.target.system.running ?? edit.target.system.profile ?? '');
  return `${edit.mode} ${theme.show(target)}`;
}

function putDiff(
  put: Put,
  before: Uint8Array | undefined,
  after: Uint8Array | undefined,
  words: DiffWords,
  theme: Theme,
): string {
  const path = theme.show(put.path);
  const lines = [theme.paint('bold', `diff ${path}`), ...headerOf(put, words).map(theme.show)];
  const hasBytes = (entry: Puttable): boolean =>
    entry.type === 'link' || (entry.type === 'file' && entry.content !== undefined);
  if (!hasBytes(put.before) && !hasBytes(put.after)) return lines.join('\n');
  const missing = (hasBytes(put.before) && before === undefined) || (hasBytes(put.after) && after === undefined);
  if (missing) return [...lines, 'the contents could not be read'].join('\n');
  const [old, new_] = [before ?? new Uint8Array(), after ?? new Uint8Array()];
  const names = [
    put.before.type === 'absent' ? '/dev/null' : path,
    put.after.type === 'absent' ? '/dev/null' : path,
  ] as const;
  const [oldText, newText] = [textOf(old), textOf(new_)];
  const masked =
    isPrivate(put.before) ||
    isPrivate(put.after) ||
    [oldText, newText].some((text) => text !== undefined && holdsKey(text));
  if (masked) return [...lines, secret(Buffer.compare(old, new_) === 0 ? 'unchanged' : 'changed')].join('\n');
  if (oldText === undefined || newText === undefined)
    return [...lines, `binary, ${old.length} ${theme.show('→')} ${new_.length} bytes`].join('\n');
  return [...lines, ...hunks(oldText, newText, names, theme)].join('\n');
}

/** `new file mode`, `old mode`, `old owner`, as git says them; git knows no owners. */
function headerOf({ before, after }: Put, { nameOf }: DiffWords): readonly string[] {
  if (before.type === 'absent' && after.type !== 'absent')
    return [`new ${KIND[after.type]} mode ${modeOf(after)}, owner ${nameOf(after.owner)}`];
  if (after.type === 'absent' && before.type !== 'absent')
    return [`deleted ${KIND[before.type]} mode ${modeOf(before)}`];
  if (before.type === 'absent' || after.type === 'absent') return [];
  const lines: string[] = [];
  if (modeOf(before) !== modeOf(after)) lines.push(`old mode ${modeOf(before)}`, `new mode ${modeOf(after)}`);
  const owners = [nameOf(before.owner), nameOf(after.owner)] as const;
  if (owners[0] !== owners[1]) lines.push(`old owner ${owners[0]}`, `new owner ${owners[1]}`);
  return lines;
}

const KIND = { file: 'file', dir: 'directory', link: 'link' } as const;

function modeOf(entry: Exclude<Puttable, { type: 'absent' }>): string {
  if (entry.type === 'link') return '120000';
  return `${entry.type === 'dir' ? '04' : '10'}${entry.mode.toString(8).padStart(4, '0')}`;
}

/** The text in the bytes; undefined unless they are UTF-8 without NUL. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

/** The package `diff` takes seconds for texts with little in common. Beyond these limits "replaced whole" is shown. */
const LIMITS = { context: 3, maxEditLength: 4000, timeout: 1000 } as const;

function hunks(before: string, after: string, names: readonly [string, string], theme: Theme): readonly string[] {
  const patch = structuredPatch(names[0], names[1], before, after, undefined, undefined, LIMITS);
  const head = [`--- ${names[0]}`, `+++ ${names[1]}`];
  if (patch === undefined) {
    const count = (text: string): number => text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
    return [...head, `replaced whole: ${count(before)} ${theme.show('→')} ${count(after)} lines`];
  }
  return [
    ...head,
    ...patch.hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines }) => [
      theme.paint(
        'note',
        `@@ -${oldLines === 0 ? oldStart - 1 : oldStart},${oldLines} +${newLines === 0 ? newStart - 1 : newStart},${newLines} @@`,
      ),
      ...maskLines(lines).map((line) => painted(line, theme)),
    ]),
  ];
}

function painted(line: string, theme: Theme): string {
  const style = line.startsWith('+') ? 'add' : line.startsWith('-') ? 'remove' : undefined;
  const text = theme.showText(line);
  return style === undefined ? text : theme.paint(style, text);
}

/** Secret values in lines of a hunk; one that stands on both sides is called unchanged. */
function maskLines(lines: readonly string[]): readonly string[] {
  const valuesOf = (sign: string): Set<string> =>
    new Set(
      lines
        .filter((line) => line.startsWith(sign))
        .flatMap((line) => secretsIn(line).map(({ start, end }) => line.slice(start, end))),
    );
  const sides = { '-': valuesOf('+'), '+': valuesOf('-') };
  return lines.map((line) => {
    let masked = line;
    for (const { start, end } of secretsIn(line).toReversed()) {
      const other = line[0] === '-' || line[0] === '+' ? sides[line[0]] : undefined;
      const state = other === undefined ? undefined : other.has(line.slice(start, end)) ? 'unchanged' : 'changed';
      masked = `${masked.slice(0, start)}${secret(state)}${masked.slice(end)}`;
    }
    return masked;
  });
}

const LISTED = 10;

/** Edits that say the same of many paths, once: a tree that changes owner has thousands. */
function metadataDiff(puts: readonly Put[], words: DiffWords, theme: Theme): readonly string[] {
  const groups = new Map<string, Put[]>();
  for (const put of puts) {
    const header = keepsContent(put.before, put.after) || put.before.type === 'absent' ? [] : ['rewritten for git'];
    const key = [...headerOf(put, words), ...header].map(theme.show).join('\n');
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [put]);
    else group.push(put);
  }
  return [...groups].map(([header, group]) => {
    const names = group.slice(0, LISTED).map(({ path }) => theme.paint('bold', `diff ${theme.show(path)}`));
    if (group.length > LISTED) names.push(theme.paint('dim', `and ${group.length - LISTED} more paths`));
    return [...names, header].filter((line) => line !== '').join('\n');
  });
}
