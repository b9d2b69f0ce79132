// Brings the .drv files, and the sources, in which two systems differ out of a Nix store, as the person.

import { type Derivation, parseDerivation } from '../formats/derivation/derivation.ts';
import type { Argv, Job, JobResult } from '../machine/job.ts';
import type { Reader } from '../machine/reader.ts';
import type { Person } from '../model.ts';
import { fromBytes } from '../path.ts';
import type { Derivations, Pair } from './graph.ts';

/** The store that has a derivation: the private one of evaluations, or the machine's. */
export type Store = 'private' | 'machine';

export interface InStore {
  readonly drv: string;
  readonly store: Store;
}

export type DerivationsRead =
  | { readonly ok: true; readonly derivations: Derivations; readonly count: number }
  /***/
  | { readonly ok: false; readonly why: string };

/** The derivations that only one of two systems needs. */
export async function derivationsThatDiffer(
  from: InStore,
  to: InStore,
  person: Person,
  reader: Reader,
): Promise<DerivationsRead> {
  const sides = [from, to];
  const closures = await Promise.all(sides.map(({ drv, store }) => closureOf(drv, store, person, reader)));
  const known = new Map<string, Derivation>();
  for (const [index, closure] of closures.entries()) {
    if (typeof closure === 'string') return { ok: false, why: closure };
    const other = closures[1 - index]!;
    const wanted = [...closure].filter((path) => typeof other === 'string' || !other.has(path));
    const texts = await filesIn(sides[index]!.store, wanted, person, reader);
    if (typeof texts === 'string') return { ok: false, why: texts };
    for (const [path, text] of texts) {
      const read = parseDerivation(text);
      if (read.ok) known.set(path, read.derivation);
    }
  }
  return { ok: true, derivations: (path) => known.get(path), count: known.size };
}

/** The texts of sources, by store path; of directories and of large files nothing. */
export async function sourceTexts(
  pairs: readonly Pair[],
  stores: readonly [from: Store, to: Store],
  person: Person,
  reader: Reader,
): Promise<ReadonlyMap<string, string>> {
  const paths = [pairs.map(({ from }) => from), pairs.map(({ to }) => to)];
  const texts = await Promise.all(
    paths.map((some, index) => filesIn(stores[index]!, [...new Set(some)], person, reader)),
  );
  return new Map(texts.flatMap((found) => (typeof found === 'string' ? [] : [...found])));
}

/** The derivation that made a path of the machine's store; undefined: not known, or not there any more. */
export async function deriverOf(path: string, person: Person, reader: Reader): Promise<string | undefined> {
  const result = await reader.compute(job(['nix-store', '--query', '--deriver', path], [], person));
  const drv = result.status === 'done' ? result.stdout.trim() : '';
  if (!drv.endsWith('.drv')) return undefined;
  return typeof (await closureOf(drv, 'machine', person, reader)) === 'string' ? undefined : drv;
}

/** A text: why not. */
async function closureOf(
  drv: string,
  store: Store,
  person: Person,
  reader: Reader,
): Promise<ReadonlySet<string> | string> {
  const at = store === 'private' ? ['--store', '{store}'] : [];
  const result = await reader.compute(job(['nix-store', ...at, '--query', '--requisites', drv], [], person));
  if (result.status !== 'done') return whyNot(result);
  return new Set(result.stdout.split('\n').filter((path) => path.endsWith('.drv')));
}

/** Paths in one job: a command line has its limit. */
const AT_ONCE = 4000;
/** Bytes of a text that is shown or parsed, as find(1) counts them. */
const LARGEST = '4M';

async function filesIn(
  store: Store,
  paths: readonly string[],
  person: Person,
  reader: Reader,
): Promise<ReadonlyMap<string, string> | string> {
  const found = new Map<string, string>();
  for (let begin = 0; begin < paths.length; begin += AT_ONCE) {
    const some = paths.slice(begin, begin + AT_ONCE);
    const prefix = store === 'private' ? '{store}' : '';
    const names = some.map((path) => path.slice(path.lastIndexOf('/') + 1));
    const copy = ['-maxdepth', '0', '-type', 'f', '-size', `-${LARGEST}`, '-exec', 'cp', '-t', '.', '{}', '+'];
    const argv: Argv = ['find', ...some.map((path) => `${prefix}${path}`), ...copy];
    const result = await reader.compute(job(argv, names, person));
    if (result.status !== 'done') return whyNot(result);
    const contents = new Map(result.files.map((file) => [file.path, file]));
    for (const [index, path] of some.entries()) {
      const file = contents.get(names[index]!);
      if (file?.type === 'file') found.set(path, fromBytes(Buffer.from(file.content)));
    }
  }
  return found;
}

const job = (argv: Argv, outputs: readonly string[], as: Person): Job => ({
  label: 'reading derivations',
  purpose: 'answer',
  isTold: true,
  files: [],
  from: [],
  argv,
  outputs,
  offline: true,
  as,
});

const whyNot = (result: Exclude<JobResult, { status: 'done' }>): string =>
  result.status === 'failed' ? (result.stderr.trim().split('\n').at(-1) ?? '') : `${result.status}`;
