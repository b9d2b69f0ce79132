// The cache of a person between two runs, in a directory that nobody else can read: a Nix store for evaluations, and
// answers that depend on nothing but the question.

import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { digestOf } from '../../canonical.ts';
import type { Job, ScratchFile } from '../../machine/job.ts';
import type { Digest } from '../../model.ts';
import { environmentFor } from './command-as.ts';
import { find, quietly, searchPath } from './trusted.ts';

/**
 * `~/.cache/reflake` of the user of this process; created with mode 0700 if it is missing. Undefined if there is no
 * home to write to, or if others could look into the directory.
 */
export function cacheHome(): string | undefined {
  const ours = cachePlace();
  if (ours === undefined) return undefined;
  for (const dir of [dirname(ours), ours]) quietly(() => mkdirSync(dir, 0o700));
  return isPrivate(ours) ? ours : undefined;
}

/** The place alone. Undefined: the user of this process has no home. */
export function cachePlace(): string | undefined {
  const { HOME } = environmentFor(undefined);
  return HOME?.startsWith('/') ? `${HOME}/.cache/reflake` : undefined;
}

/** True of a directory (not a link to one) that nobody else can enter. */
export function isPrivate(dir: string): boolean {
  const stat = quietly(() => lstatSync(dir));
  return stat?.isDirectory() === true && stat.uid === process.geteuid?.() && (stat.mode & 0o077) === 0;
}

/** A cached answer, or the way to cache one. */
export interface Kept {
  readonly answer: string | undefined;
  readonly keep: (answer: string) => void;
}

const NOTHING: Kept = { answer: undefined, keep: () => {} };

/**
 * Keeps the answer of a program under the digest of all that it depends on: its arguments, its files, and the program
 * itself, identified by path, device, inode, size and times. It is kept twice: under the bytes of the files, and, so
 * that they need not be hashed, under their stamps.
 */
export function keptFor(job: Job, cache: string | undefined): Kept {
  const program = fingerprint(job.argv[0]);
  if (cache === undefined || program === undefined) return NOTHING;
  const dir = `${cache}/answers`;
  quietly(() => mkdirSync(dir, 0o700));
  if (!isPrivate(dir)) return NOTHING;
  const at = (key: Digest): string => `${dir}/${key.slice('sha256:'.length)}`;
  const stamped = job.files.some((file) => file.type === 'file' && file.stamp !== undefined)
    ? at(keyOf(job, program, partOfStamped))
    : undefined;
  const known = stamped && answerIn(stamped);
  if (known !== undefined) return { answer: known, keep: () => {} };
  const hashed = at(keyOf(job, program, partOfBytes));
  const answer = answerIn(hashed);
  if (answer !== undefined && stamped !== undefined) put(stamped, answer);
  return {
    answer,
    keep(fresh) {
      for (const file of stamped === undefined ? [hashed] : [hashed, stamped]) put(file, fresh);
      sweep(dir);
    },
  };
}

/** The answer in the file. A FIFO is not opened: read(2) would wait for whoever put it there. */
const answerIn = (file: string): string | undefined =>
  quietly(() => (lstatSync(file).isFile() ? readFileSync(file, 'utf8') : undefined));

/** If it cannot be written, because the disk is full, the answer is not cached. */
function put(file: string, answer: string): void {
  const fresh = `${file}.${process.pid}`;
  const isWritten = quietly(() => {
    writeFileSync(fresh, answer, { flag: 'wx', mode: 0o600 });
    renameSync(fresh, file);
    return true;
  });
  if (isWritten === undefined) quietly(() => rmSync(fresh, { force: true }));
}

const keyOf = ({ argv, files, outputs }: Job, program: string, partOf: (file: ScratchFile) => unknown): Digest =>
  digestOf(JSON.stringify([FORMAT, program, argv, files.map(partOf), outputs]));

const partOfBytes = (file: ScratchFile): unknown => {
  if (file.type !== 'file') return file;
  const { path, mode, content } = file;
  return { path, mode, content: digestOf(content) };
};

const partOfStamped = (file: ScratchFile): unknown => {
  if (file.type !== 'file' || file.stamp === undefined) return partOfBytes(file);
  const { path, mode, stamp } = file;
  return { path, mode, stamp };
};

/** A version number, to be raised whenever a cached answer changes its meaning. */
const FORMAT = 2;

/** Identifies a program by its file; undefined if there is no such program. */
function fingerprint(tool: string): string | undefined {
  const path = find(tool, searchPath());
  const stat = path === undefined ? undefined : quietly(() => statSync(path));
  return stat && [path, stat.dev, stat.ino, stat.size, stat.mtimeMs, stat.ctimeMs].join(' ');
}

/** Removes answers that are older than a month. One that is still needed is computed again. */
function sweep(dir: string): void {
  for (const name of quietly(() => readdirSync(dir)) ?? []) {
    const stat = quietly(() => lstatSync(`${dir}/${name}`));
    if (stat !== undefined && Date.now() - stat.mtimeMs > MONTH)
      quietly(() => rmSync(`${dir}/${name}`, { force: true }));
  }
}

const MONTH = 30 * 86_400_000;

/** The Nix store for evaluations; created if it is missing. */
export function privateStore(cache: string): string {
  const dir = `${cache}/store`;
  quietly(() => mkdirSync(dir, { recursive: true, mode: 0o700 }));
  return dir;
}

/** The paths that this store lacks. */
export const missingIn = (store: string, paths: readonly string[]): readonly string[] =>
  paths.filter((path) => quietly(() => lstatSync(`${store}${path}`)) === undefined);
