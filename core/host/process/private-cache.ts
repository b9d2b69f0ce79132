// What programs of a person's keep between two runs, in a directory that is theirs alone: a store for evaluations, which nobody
// else can read, and answers that depend on nothing but what was asked.

import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { digestOf } from '../../canonical.ts';
import type { Job } from '../../machine/job.ts';
import type { Digest } from '../../model.ts';
import { environmentFor } from './run.ts';
import { find, quietly, searchPath } from './trusted.ts';

/**
 * `~/.cache/reflake`, 0700, made where it is missing. Undefined: there is no home to write to, or others could look into the
 * directory. Of whoever this process belongs to.
 */
export function cacheHome(): string | undefined {
  const { HOME } = environmentFor(undefined);
  if (HOME === undefined || !HOME.startsWith('/')) return undefined;
  const cache = `${HOME}/.cache`;
  const ours = `${cache}/reflake`;
  for (const dir of [cache, ours]) quietly(() => mkdirSync(dir, 0o700));
  return isPrivate(ours) ? ours : undefined;
}

/** A directory, and no link to one, that nobody else can enter. */
export function isPrivate(dir: string): boolean {
  const stat = quietly(() => lstatSync(dir));
  return stat?.isDirectory() === true && stat.uid === process.geteuid?.() && (stat.mode & 0o077) === 0;
}

/** An answer that was kept, or the way to keep one. */
export interface Kept {
  readonly answer: string | undefined;
  readonly keep: (answer: string) => void;
}

const NOTHING: Kept = { answer: undefined, keep: () => {} };

/**
 * The answer of a program is kept under the digest of all it depends on: its words, the files it is given, and the program
 * itself, which its place in the file system, size and times stand for.
 */
export function keptFor(job: Job, cache: string | undefined): Kept {
  const program = fingerprint(job.argv[0]);
  if (cache === undefined || program === undefined) return NOTHING;
  const dir = `${cache}/answers`;
  quietly(() => mkdirSync(dir, 0o700));
  if (!isPrivate(dir)) return NOTHING;
  const file = `${dir}/${keyOf(job, program).slice('sha256:'.length)}`;
  return {
    answer: quietly(() => readFileSync(file, 'utf8')),
    keep(answer) {
      const fresh = `${file}.${process.pid}`;
      const isWritten = quietly(() => {
        writeFileSync(fresh, answer, { flag: 'wx', mode: 0o600 });
        renameSync(fresh, file);
        return true;
      });
      // A disk that is full keeps no answers.
      if (isWritten === undefined) quietly(() => rmSync(fresh, { force: true }));
      sweep(dir);
    },
  };
}

function keyOf({ argv, files, outputs }: Job, program: string): Digest {
  const parts = files.map((file) => (file.type === 'file' ? { ...file, content: digestOf(file.content) } : file));
  return digestOf(JSON.stringify([FORMAT, program, argv, parts, outputs]));
}

/** Changes whenever kept answers mean something else. */
const FORMAT = 1;

/** Undefined: there is no such program. */
function fingerprint(tool: string): string | undefined {
  const path = find(tool, searchPath());
  const stat = path === undefined ? undefined : quietly(() => statSync(path));
  return stat && [path, stat.dev, stat.ino, stat.size, stat.mtimeMs, stat.ctimeMs].join(' ');
}

/** Answers that nobody has asked for in a month are of trees that are no more. */
function sweep(dir: string): void {
  for (const name of quietly(() => readdirSync(dir)) ?? []) {
    const stat = quietly(() => lstatSync(`${dir}/${name}`));
    if (stat !== undefined && Date.now() - stat.mtimeMs > MONTH)
      quietly(() => rmSync(`${dir}/${name}`, { force: true }));
  }
}

const MONTH = 30 * 86_400_000;

/** Where the store of evaluations is; made where it is missing. */
export function privateStore(cache: string): string {
  const dir = `${cache}/store`;
  quietly(() => mkdirSync(dir, { recursive: true, mode: 0o700 }));
  return dir;
}

/** Those store paths that the store does not have yet. */
export const missingIn = (store: string, paths: readonly string[]): readonly string[] =>
  paths.filter((path) => quietly(() => lstatSync(`${store}${path}`)) === undefined);
