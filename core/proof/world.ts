// A system that is to be compared, before anybody has evaluated it; and the evaluation of it with the real Nix, as the person.

import { type Evaluating, flakeFlags, oldFlags, sourcesOf, type Tree, whyNotRun } from '../evaluation/evaluate.ts';
import { failureIn } from '../evaluation/failure.ts';
import type { Lock } from '../formats/lock/model.ts';
import { parseLock } from '../formats/lock/parse-lock.ts';
import { type NarNode, narHash } from '../formats/nar/nar.ts';
import type { Job, JobResult, ScratchFile } from '../machine/job.ts';
import type { Reader } from '../machine/reader.ts';
import { inByteOrder, toBytes } from '../path.ts';
import type { ProvenSystem } from '../proven.ts';
import { type Ask, proofAnswer, proofQuestion, type Where } from './question.ts';
import { reasonFor } from './reason.ts';

/** `label`: its name for people. `attribute`: the host, in nixosConfigurations. */
export type World =
  /** What NIX_PATH leads to; not pure. */
  | { readonly kind: 'channel'; readonly label: string; readonly nixPath: readonly string[] }
  /** Files, as git shows them. */
  | { readonly kind: 'tree'; readonly label: string; readonly tree: Tree; readonly attribute: string }
  | { readonly kind: 'reference'; readonly label: string; readonly reference: string; readonly attribute: string }
  /** A system in the machine's store. */
  | { readonly kind: 'built'; readonly label: string; readonly system: string }
  /** It can't be looked at. */
  | { readonly kind: 'closed'; readonly label: string; readonly why: string; readonly hint: string };

export type Answered =
  | {
      readonly kind: 'systems';
      readonly plain?: ProvenSystem;
      readonly forced?: ProvenSystem;
      readonly values: Readonly<Record<string, unknown>>;
      readonly tree?: string;
    }
  /** `others`: there is no such host, but these. */
  | {
      readonly kind: 'failed';
      readonly why: string;
      readonly hint: string;
      readonly log?: string;
      readonly others?: readonly string[];
    };

/** `isFresh`: no kept answer is taken, as its derivations may be gone. */
export interface Asking extends Evaluating {
  readonly isFresh: boolean;
}

/** Evaluates it. Of a system that is built only the output is known. */
export async function ask(world: World, what: Ask, how: Asking, reader: Reader): Promise<Answered> {
  switch (world.kind) {
    case 'closed':
      return { kind: 'failed', why: world.why, hint: world.hint };
    case 'built':
      return { kind: 'systems', plain: { out: world.system }, values: {} };
    case 'channel':
      return answered(await reader.compute(channelJob(world, what, how)));
    case 'tree': {
      const { tree, attribute: host } = world;
      const hash = hashOfFiles(tree.files);
      const place = [
        `narHash=${encodeURIComponent(hash)}`,
        ...(tree.subdir === '' ? [] : [`dir=${encoded(tree.subdir)}`]),
      ];
      const where: Where = { kind: 'flake', reference: `path:{scratch}?${place.join('&')}`, host };
      return answered(await reader.compute(flakeJob(where, tree, what, how, reader)), hash);
    }
    case 'reference': {
      const locked = await lockedReference(world.reference, how, reader);
      if (locked.kind === 'failed') return locked;
      const where: Where = { kind: 'flake', reference: locked.url, host: world.attribute };
      const files = { files: [], from: [], lock: locked.lock };
      return answered(await reader.compute(flakeJob(where, files, what, how, reader)), locked.url);
    }
  }
}

const encoded = (path: string): string => encodeURIComponent(path).replaceAll('%2F', '/');

function channelJob({ nixPath }: World & { kind: 'channel' }, what: Ask, { person, offline }: Asking): Job {
  return {
    label: 'evaluating <nixpkgs/nixos>',
    purpose: 'answer',
    isTold: true,
    files: [],
    from: [],
    argv: [
      'nix-instantiate',
      ...oldFlags,
      ...['--eval', '--strict', '--json', '--read-write-mode'],
      ...nixPath.flatMap((entry) => ['-I', entry]),
      ...['--expr', proofQuestion({ kind: 'channel' }, what)],
    ],
    outputs: [],
    offline,
    as: person,
  };
}

function flakeJob(
  where: Where & { kind: 'flake' },
  { files, from, lock }: Pick<Tree, 'files' | 'from' | 'lock'>,
  what: Ask,
  { person, offline, isFresh }: Asking,
  reader: Reader,
): Job {
  return {
    label: `evaluating nixosConfigurations.${where.host}`,
    purpose: 'answer',
    isTold: true,
    files,
    from,
    sources: lock === undefined ? [] : sourcesOf(lock, reader),
    ...(!isFresh && { isKept: true as const }),
    argv: ['nix', ...flakeFlags(offline), 'eval', '--json', '--expr', proofQuestion(where, what)],
    outputs: [],
    offline,
    as: person,
  };
}

type Locked =
  | { readonly kind: 'locked'; readonly url: string; readonly lock: Lock | undefined }
  | (Answered & { readonly kind: 'failed' });

/** The reference with its revision, as pure evaluation wants it, and its lock. */
async function lockedReference(reference: string, { person, offline }: Asking, reader: Reader): Promise<Locked> {
  const result = await reader.compute({
    label: `looking for ${reference}`,
    purpose: 'answer',
    isTold: true,
    files: [],
    from: [],
    sources: [],
    argv: ['nix', ...flakeFlags(offline), 'flake', 'metadata', '--json', '--no-write-lock-file', reference],
    outputs: [],
    offline,
    as: person,
  });
  if (result.status !== 'done') return failed(result);
  const { url, locks } = JSON.parse(result.stdout) as { readonly url?: unknown; readonly locks?: unknown };
  if (typeof url !== 'string')
    return { kind: 'failed', why: `Nix names no locked reference of ${reference}`, hint: HINT };
  const parsed = parseLock(JSON.stringify(locks));
  return { kind: 'locked', url, lock: parsed.ok ? parsed.lock : undefined };
}

/** The hosts of a flake. */
export async function hostsIn(
  world: World,
  how: Evaluating,
  reader: Reader,
): Promise<{ readonly kind: 'hosts'; readonly names: readonly string[] } | (Answered & { readonly kind: 'failed' })> {
  if (world.kind === 'channel' || world.kind === 'built')
    return { kind: 'failed', why: 'it is one system, not a flake with hosts', hint: 'name one host: --host NAME' };
  // No host has an empty name, so the answer is which there are.
  const answer = await ask(world, { plain: false, forced: false }, { ...how, isFresh: false }, reader);
  if (answer.kind === 'failed' && answer.others !== undefined) return { kind: 'hosts', names: answer.others };
  return answer.kind === 'failed' ? answer : { kind: 'failed', why: 'it has a host without a name', hint: HINT };
}

const HINT = 'ask Nix by hand: nix flake metadata';

function answered(result: JobResult, tree?: string): Answered {
  if (result.status !== 'done') return failed(result);
  const answer = proofAnswer(result.stdout);
  if (answer === undefined) return { kind: 'failed', why: 'the answer of Nix cannot be read', hint: HINT };
  if (answer.kind === 'systems') return { ...answer, ...(tree !== undefined && { tree }) };
  const others = answer.names.length === 0 ? 'none' : answer.names.join(', ');
  return {
    kind: 'failed',
    why: `nixosConfigurations has no host of this name; there is ${others}`,
    hint: 'name one with --host',
    others: answer.names,
  };
}

function failed(result: Exclude<JobResult, { status: 'done' }>): Answered & { kind: 'failed' } {
  if (result.status !== 'failed') return { kind: 'failed', why: whyNotRun(result), hint: 'a proof needs Nix' };
  const { summary, log } = failureIn(result.stderr);
  return { kind: 'failed', ...reasonFor(inTree(summary), result.stderr), ...(log !== '' && { log }) };
}

/** A place in the copy of a flake that Nix made in its store, as a place in the flake. */
const inTree = (text: string): string => text.replace(/(\/[^\s'`"]*)?\/nix\/store\/[0-9a-z]{32}-source\//g, './');

/** The NAR hash (SRI) of files as they lie in a scratch directory. */
export function hashOfFiles(files: readonly ScratchFile[]): string {
  const top: Directory = new Map();
  for (const file of files) {
    const parts = file.path.split('/');
    let dir = top;
    for (const part of parts.slice(0, -1)) {
      const next = dir.get(part);
      if (next instanceof Map) dir = next;
      else {
        const made: Directory = new Map();
        dir.set(part, made);
        dir = made;
      }
    }
    if (file.type !== 'dir') dir.set(parts.at(-1)!, file);
  }
  return narHash(nodeOf(top));
}

type Directory = Map<string, Directory | ScratchFile>;

function nodeOf(one: Directory | ScratchFile): NarNode {
  if (one instanceof Map) {
    const names = inByteOrder([...one.keys()]);
    return { type: 'dir', entries: () => names.map((name) => [toBytes(name), nodeOf(one.get(name)!)] as const) };
  }
  if (one.type === 'link') return { type: 'link', target: toBytes(one.target) };
  if (one.type === 'dir') return { type: 'dir', entries: () => [] };
  return { type: 'file', executable: (one.mode & 0o100) !== 0, size: one.content.length, chunks: [one.content] };
}
