// Evaluates a flake once with the real Nix, run as the person: files of a tree in, facts or a failure out. Nix writes to a
// private store of the person; it builds nothing, and takes no setting from the flake.

import type { Lock } from '../formats/lock/model.ts';
import { sourcePath } from '../formats/nar/store-path.ts';
import type { Job, JobResult } from '../machine/job.ts';
import type { Reader } from '../machine/reader.ts';
import type { Person } from '../model.ts';
import { type AbsPath, absolute } from '../path.ts';
import { type Failure, failureIn } from './failure.ts';
import { answerIn, type Evaluated, type EvaluatedHost, type Question, questionText } from './question.ts';

export type Evaluation =
  | { readonly kind: 'done'; readonly evaluated: Evaluated }
  | { readonly kind: 'failed'; readonly failure: Failure }
  /** There is no Nix, or only root may read a file that it needs. */
  | { readonly kind: 'impossible'; readonly why: string };

/** What Nix tells, and of which hosts it tells nothing and why. */
export interface Asked {
  readonly said?: Evaluated;
  /** By the attributes of the hosts. */
  readonly failures: ReadonlyMap<string, Exclude<Evaluation, { kind: 'done' }>>;
}

/** A tree that is to be evaluated. */
export interface Tree extends Pick<Job, 'files' | 'from'> {
  /** The directory of flake.nix in it; '' is the top. */
  readonly subdir: string;
  /** Its lock; sources that it names are copied from the machine's store. */
  readonly lock: Lock | undefined;
}

export interface Evaluating {
  readonly person: Person;
  readonly offline: boolean;
}

/** Asks everything at once; where that fails, for the names and for each host by itself, since one broken host aborts all. */
export async function evaluate(tree: Tree, question: Question, how: Evaluating, reader: Reader): Promise<Asked> {
  const { hosts } = question;
  const ask = async (of: Question): Promise<Evaluation> =>
    evaluationOf(await reader.compute(jobFor(tree, of, how, reader)));
  const whole = await ask(question);
  if (whole.kind === 'done') return { said: whole.evaluated, failures: new Map() };
  const all = { failures: new Map(hosts.map((host) => [host, whole] as const)) };
  if (whole.kind !== 'failed' || whole.failure.of === 'surroundings') return all;
  const named = await ask({ hosts: [] });
  if (named.kind !== 'done') return all;
  const { names } = named.evaluated;
  const there = hosts.filter((host) => names.includes(host));
  const told = new Map<string, EvaluatedHost>();
  const failures = new Map<string, Exclude<Evaluation, { kind: 'done' }>>();
  for (const host of there) {
    const isAlone = hosts.length === 1;
    const one = isAlone ? whole : await ask({ ...question, hosts: [host] });
    const said = one.kind === 'done' ? one.evaluated.hosts.get(host) : undefined;
    if (said !== undefined) told.set(host, said);
    else if (one.kind !== 'done') failures.set(host, one);
  }
  return { said: { names, hosts: told }, failures };
}

function jobFor(
  { files, from, subdir, lock }: Tree,
  question: Question,
  { person, offline }: Evaluating,
  reader: Reader,
): Job {
  const at =
    subdir === '' ? 'path:{scratch}' : `path:{scratch}?dir=${encodeURIComponent(subdir).replaceAll('%2F', '/')}`;
  return {
    label: `evaluating ${whatIn(question)} with Nix`,
    purpose: 'answer',
    files,
    from,
    sources: lock === undefined ? [] : sourcesOf(lock, reader),
    isKept: true,
    isTold: true,
    argv: [
      'nix',
      ...flakeFlags(offline),
      'eval',
      '--json',
      ...['--no-update-lock-file', '--no-write-lock-file'],
      `${at}#nixosConfigurations`,
      ...['--apply', questionText(question)],
    ],
    outputs: [],
    offline,
    as: person,
  };
}

function whatIn({ hosts }: Question): string {
  const [first, ...others] = hosts;
  if (first === undefined) return 'nixosConfigurations';
  return others.length === 0 ? `nixosConfigurations.${first}` : `${hosts.length} hosts of nixosConfigurations`;
}

/** Flags of `nix` for a flake in the private store. */
export const flakeFlags = (offline: boolean): readonly string[] => [
  ...['--extra-experimental-features', 'nix-command flakes'],
  ...['--store', '{store}'],
  ...(offline ? ['--offline'] : []),
  ...SETTINGS.flatMap(([name, value]) => ['--option', name, value]),
];

/** Settings of Nix: no builds, short network timeouts, no `nixConfig` of the flake. */
const SETTINGS: readonly (readonly [name: string, value: string])[] = [
  ['allow-import-from-derivation', 'false'],
  ['accept-flake-config', 'false'],
  ['max-jobs', '0'],
  ['builders', ''],
  ['substituters', ''],
  ['download-attempts', '1'],
  ['connect-timeout', '10'],
];

/** Flags of the older commands, which know no flakes. */
export const oldFlags: readonly string[] = [
  ...['--store', '{store}'],
  ...SETTINGS.filter(([name]) => name !== 'accept-flake-config').flatMap(([name, value]) => ['--option', name, value]),
];

/** The sources of the lock that this machine's store has, so that Nix need not fetch them. */
export function sourcesOf(lock: Lock, reader: Reader): readonly AbsPath[] {
  const paths = [...lock.nodes.values()].flatMap(({ locked }) => {
    const path = typeof locked?.narHash === 'string' ? sourcePath(locked.narHash) : undefined;
    return path === undefined ? [] : [absolute(path)];
  });
  return [...new Set(paths)].filter((path) => reader.stat(path).type !== 'absent');
}

function evaluationOf(result: JobResult): Evaluation {
  if (result.status === 'failed') return { kind: 'failed', failure: failureIn(result.stderr) };
  if (result.status !== 'done') return { kind: 'impossible', why: whyNotRun(result) };
  const evaluated = answerIn(result.stdout);
  return evaluated === undefined
    ? { kind: 'failed', failure: { of: 'surroundings', summary: 'the answer of Nix cannot be read', log: '' } }
    : { kind: 'done', evaluated };
}

/** Why the program of a job was not started. */
export function whyNotRun(result: Exclude<JobResult, { status: 'done' | 'failed' }>): string {
  switch (result.status) {
    case 'missing':
      return `${result.tool} is not installed`;
    case 'closed':
      return `"${result.path}" can only be read by root`;
    case 'withheld':
      return 'no program is run here';
  }
}
