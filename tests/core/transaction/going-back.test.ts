// The law of rollbacks: applies, disturbances and rollbacks in any order, on a machine in memory with activation. A rollback
// leads to one moment for files, lock and running system alike, or it is refused with nothing written; and what bars it is
// known before anything is written.

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { digestOf } from '../../../core/canonical.ts';
import type { Blobs, Host } from '../../../core/machine/host.ts';
import { activeSystem } from '../../../core/machine/reader.ts';
import type { StateStore } from '../../../core/machine/state-store.ts';
import { ABSENT, type ActivationMode, type Edit, type Outcome, type Puttable } from '../../../core/model.ts';
import { type AbsPath, absolute, basename, isWithin, parent, rebase } from '../../../core/path.ts';
import { asideFor, modeOfAside, STATE } from '../../../core/plan/aside.ts';
import { editsOf } from '../../../core/plan/edits.ts';
import { overlay } from '../../../core/plan/overlay.ts';
import { execute } from '../../../core/transaction/executor.ts';
import { undoing } from '../../../core/transaction/going-back.ts';
import { past, type RecordedApply, select, type Target } from '../../../core/transaction/history.ts';
import type { Transaction } from '../../../core/transaction/model.ts';
import { checkPreconditions } from '../../../core/transaction/preconditions.ts';
import { around, FACTS } from '../../support/faults.ts';
import { memoryHost, type Paths } from '../../support/memory-host.ts';
import { memoryStateStore } from '../../support/memory-store.ts';
import { memoryTree } from '../../support/trees.ts';

const ROOTS = { uid: 0, gid: 0 };
const [OLD, TREE] = [absolute('/etc/nixos'), absolute('/home/s/c')];
const [RUNNING, PROFILE] = [absolute('/run/current-system'), absolute('/nix/var/nix/profiles/system')];

type Step =
  | { readonly kind: 'apply'; readonly version: number; readonly mode?: ActivationMode }
  | { readonly kind: 'hand'; readonly what: (typeof HANDS)[number]; readonly at: number }
  | { readonly kind: 'rollback'; readonly target: Target; readonly force: boolean };

const HANDS = [
  'edit',
  'delete',
  'chmod',
  'add',
  'back',
  'move',
  'commit',
  'switch',
  'gone',
  'repository gone',
] as const;
const FILES = ['flake.nix', 'flake.lock', 'configuration.nix', 'extra.nix', '.git/index'];

interface World {
  readonly paths: Paths;
  readonly host: Host;
  readonly store: StateStore;
  /** The machine as it was before transaction N. */
  readonly before: Map<number, Paths>;
  serial: number;
  /** Somebody has done something by hand. */
  isDisturbed: boolean;
}

function world(): World {
  const paths = memoryTree({
    '/etc/nixos/configuration.nix': 'first',
    '/etc/nixos/hardware.nix': 'first',
    '/etc/nix/nix.conf': 'first',
    '/home': { dir: true },
    '/nix/store/first': { dir: true },
    '/nix/var/nix/profiles/system-1-link': { link: '/nix/store/first' },
    '/nix/var/nix/profiles/system': { link: 'system-1-link' },
    '/run/current-system': { link: '/nix/store/first' },
    '/var/lib': { dir: true },
  });
  const memory = memoryHost(paths, FACTS);
  const made: World = {
    paths,
    store: memoryStateStore(),
    before: new Map(),
    serial: 0,
    isDisturbed: false,
    host: {
      ...memory,
      async activate(edit, { begins }) {
        begins();
        if (edit.mode === 'build') return { status: 'done' };
        const { target, mode } = edit;
        const built = target.kind === 'flake' ? `/nix/store/of-${bodyAt(paths, `${TREE}/flake.nix`)}` : undefined;
        const running = built ?? (target.kind === 'system' ? target.system.running : undefined);
        if (running === undefined) return { status: 'failed', phase: 'activate', log: 'nothing' };
        if (mode !== 'boot') link(paths, RUNNING, running);
        if (mode !== 'test') {
          const generation = target.kind === 'system' ? target.system.profile : `system-${made.serial++ + 2}-link`;
          if (generation === undefined) return { status: 'failed', phase: 'activate', log: 'nothing' };
          if (built !== undefined) link(paths, absolute(`${parent(PROFILE)}/${generation}`), built);
          link(paths, PROFILE, generation);
        }
        paths.set(absolute(running), { entry: { type: 'dir', mode: 0o755, owner: ROOTS } });
        return { status: 'done' };
      },
    },
  };
  return made;
}

const bodyAt = (paths: Paths, path: string): string => Buffer.from(paths.get(absolute(path))?.bytes ?? []).toString();
const link = (paths: Paths, path: AbsPath, target: string): void =>
  void paths.set(path, { entry: { type: 'link', target, owner: ROOTS } });
const isDir = (paths: Paths, path: AbsPath): boolean => paths.get(path)?.entry.type === 'dir';
const fileOf = (body: string): Puttable => ({ type: 'file', content: digestOf(body), mode: 0o644, owner: ROOTS });
const DIR: Puttable = { type: 'dir', mode: 0o755, owner: ROOTS };

/** As providers would: the tree to its place, what is in the way aside, and each file as the version has it. */
function editsFor(
  { host, paths }: World,
  version: number,
  blobs: Record<string, Uint8Array>,
): readonly Edit[] | undefined {
  const stage = overlay(host);
  const edits: Edit[] = [];
  const add = (edit: Edit): void => {
    edits.push(edit);
    if (edit.op !== 'activate') stage.apply(edit, blobs as Blobs);
  };
  if (isDir(paths, OLD) && isDir(paths, TREE)) {
    const aside = asideFor('nixos', host);
    for (const path of aside.parents)
      add({ op: 'put', path, before: ABSENT, after: { type: 'dir', mode: modeOfAside(path), owner: ROOTS } });
    add({ op: 'move', from: OLD, to: aside.path });
  } else if (isDir(paths, OLD)) {
    if (!isDir(paths, parent(TREE))) add({ op: 'put', path: parent(TREE), before: ABSENT, after: DIR });
    add({ op: 'move', from: OLD, to: TREE });
  } else if (!isDir(paths, TREE)) return undefined;
  const want = (path: AbsPath, after: Puttable): void => {
    const there = stage.stat(path);
    if (there.type === 'other') return;
    const bytes = there.type === 'file' ? (stage.read(path) ?? new Uint8Array()) : undefined;
    const before = bytes === undefined ? there : { ...there, content: digestOf(bytes) };
    if (JSON.stringify(before) !== JSON.stringify(after)) add({ op: 'put', path, before: before as Puttable, after });
  };
  const write = (path: string, body: string): void => {
    blobs[digestOf(body)] = Buffer.from(body);
    want(absolute(path), fileOf(body));
  };
  for (const name of ['.git', '.git/objects']) want(absolute(`${TREE}/${name}`), DIR);
  write(`${TREE}/.git/HEAD`, 'ref: refs/heads/main');
  for (const name of ['flake.nix', 'flake.lock', 'configuration.nix', '.git/index'])
    write(`${TREE}/${name}`, `${version}`);
  const extra = absolute(`${TREE}/extra.nix`);
  if (version % 2 === 1) write(extra, `${version}`);
  else want(extra, ABSENT);
  write('/etc/nix/nix.conf', `${version}`);
  return editsOf([{ edits }]);
}

const copyOf = (paths: Paths): Paths => new Map(paths);

async function carry(one: World, transaction: Transaction, blobs: Blobs): Promise<Outcome> {
  const before = copyOf(one.paths);
  const outcome = await execute(transaction, blobs, around({ host: one.host, store: one.store }));
  if (outcome.status === 'applied') {
    one.before.set(outcome.apply, before);
  }
  return outcome;
}

async function apply(one: World, version: number, mode: ActivationMode | undefined): Promise<void> {
  const blobs: Record<string, Uint8Array> = {};
  const edits = editsFor(one, version, blobs);
  if (edits === undefined) return;
  const active = activeSystem(one.host);
  const as = { name: 's', home: '/home/s', ...ROOTS };
  const activate: Edit[] =
    mode === undefined
      ? []
      : [{ op: 'activate', mode, target: { kind: 'flake', installable: 'x' }, as, before: active }];
  const transaction: Transaction = {
    tx: `cafe${one.serial++}`,
    kind: 'apply',
    plan: digestOf('plan'),
    host: FACTS,
    undoes: [],
    startedAt: '',
    by: '',
    active,
    batches: [[...edits, ...activate]],
  };
  const outcome = await carry(one, transaction, blobs as Blobs);
  expect(['applied', 'unchanged']).toContain(outcome.status);
}

function disturb(one: World, what: (typeof HANDS)[number], at: number): void {
  const { paths } = one;
  const tree = isDir(paths, TREE) ? TREE : OLD;
  const path = absolute(`${tree}/${FILES[at % FILES.length]}`);
  const there = paths.get(path);
  const write = (where: string, body: string): void => {
    const place = absolute(where);
    if (isDir(paths, parent(place)))
      paths.set(place, { entry: { type: 'file', mode: 0o644, owner: ROOTS }, bytes: Buffer.from(body) });
  };
  const remove = (top: AbsPath): void => {
    for (const name of [...paths.keys()]) if (isWithin(name, top)) paths.delete(name);
  };
  one.isDisturbed = true;
  const body = `hand ${one.serial++}`;
  if (what === 'edit') write(path, body);
  else if (what === 'delete') paths.delete(path);
  else if (what === 'chmod' && there?.entry.type === 'file')
    paths.set(path, { ...there, entry: { ...there.entry, mode: 0o600 } });
  else if (what === 'add') write(`${tree}/hand-${at}.nix`, body);
  else if (what === 'back' && !paths.has(OLD)) {
    paths.set(OLD, { entry: DIR });
    write(`${OLD}/configuration.nix`, body);
  } else if (what === 'move' && isDir(paths, TREE) && !paths.has(OLD)) {
    for (const [name, value] of [...paths]) {
      const to = rebase(name, TREE, OLD);
      if (to === undefined) continue;
      paths.delete(name);
      paths.set(to, value);
    }
  } else if (what === 'commit') {
    write(`${tree}/.git/index`, body);
    write(`${tree}/.git/objects/${at}`, body);
  } else if (what === 'switch') {
    const system = absolute(`/nix/store/hand-${at}`);
    paths.set(system, { entry: DIR });
    link(paths, RUNNING, system);
  } else if (what === 'gone') remove(tree);
  else if (what === 'repository gone') remove(absolute(`${tree}/.git`));
}

/** By which apply, and by which name. */
interface Touched {
  readonly number: number;
  readonly as: AbsPath;
}

/**
 * Every path that one of them wrote, by each name that it had, but for what is reflake's own or the system's; with the oldest
 * that wrote it: what a hand did to it before that one is what that one found.
 */
function touchedBy(selected: readonly RecordedApply[]): ReadonlyMap<AbsPath, Touched> {
  const moves = selected.flatMap(({ transaction }) => transaction.batches.flat()).filter((edit) => edit.op === 'move');
  const touched = new Map<AbsPath, Touched>();
  // The newest first, so that the oldest decides.
  for (const { number, transaction } of selected) {
    for (const edit of transaction.batches.flat()) {
      const named = edit.op === 'put' ? [edit.path] : edit.op === 'move' ? [edit.from, edit.to] : [];
      for (const as of named) {
        const all = [as, ...moves.flatMap(({ from, to }) => [rebase(as, to, from), rebase(as, from, to)])];
        for (const path of all) if (path !== undefined && !isWithin(path, STATE)) touched.set(path, { number, as });
      }
    }
  }
  return touched;
}

const told = (paths: Paths, path: AbsPath): string => {
  const found = paths.get(path);
  if (found === undefined) return 'absent';
  return JSON.stringify([found.entry, found.bytes && Buffer.from(found.bytes).toString()]);
};

/** The ways in which a rollback broke the law. */
async function rollback(one: World, target: Target, force: boolean): Promise<readonly string[]> {
  const history = past(one.store);
  if (!history.ok) return [history.problem.summary];
  const selected = select(history.applies, target);
  if (selected === undefined || selected.length === 0) return [];
  const stamp = { tx: `beef${one.serial++}`, startedAt: '', by: '' };
  const { transaction, blobs, bars } = undoing(selected, history.applies, one.host, stamp, force);
  const { stale } = checkPreconditions(one.host, transaction.batches, blobs, 'RF3011');
  const due = copyOf(one.paths);
  const wasDisturbed = one.isDisturbed;
  const isBarred = bars.length > 0 || stale.length > 0;
  if (isBarred) {
    const isNewest = target.kind === 'newest' && bars.length === 0;
    return isNewest && !wasDisturbed ? [`the newest is refused: ${JSON.stringify(stale)}`] : [];
  }
  const outcome = await carry(one, transaction, blobs);
  if (outcome.status !== 'applied') return [`not foreseen: ${JSON.stringify(outcome)}`];
  const oldest = selected.at(-1)!;
  const moment = one.before.get(oldest.number)!;
  const transactions = selected.map((recorded) => recorded.transaction);
  const breaches = [...touchedBy(selected)].flatMap(([path, { number, as }]) => {
    const [found, wanted] = [told(one.paths, path), told(one.before.get(number)!, path)];
    // A tree that a hand had moved between two of them is where it was before the oldest, or where the hand had put it.
    if ([wanted, told(moment, path), told(one.before.get(number)!, as)].includes(found)) return [];
    // What a hand put since into the place that the tree had left stays, if the tree is back at its own place.
    const isOthers = path !== as && found === told(due, path);
    if (isOthers && told(one.paths, as) === told(one.before.get(number)!, as)) return [];
    // A directory stays where somebody put something into it.
    const holds = [...one.paths.keys()].some((other) => other !== path && isWithin(other, path));
    if (wanted === 'absent' && isDir(one.paths, path) && holds) return [];
    return [`${path}: ${found}, and it was ${wanted}`];
  });
  const isActivated = transactions.some(({ batches }) =>
    batches.flat().some((edit) => edit.op === 'activate' && edit.mode !== 'build'),
  );
  const system = isActivated ? moment : due;
  for (const path of [RUNNING, PROFILE])
    if (told(one.paths, path) !== told(system, path)) breaches.push(`${path}: ${told(one.paths, path)}`);
  for (const [path] of one.paths)
    if (basename(path) === '.git' && !one.paths.has(absolute(`${path}/HEAD`)))
      breaches.push(`${path}: half a repository`);
  return breaches.map((breach) => `to before ${oldest.number}: ${breach}`);
}

async function walk(
  steps: readonly Step[],
): Promise<{ readonly breaches: readonly string[]; readonly applied: number }> {
  const one = world();
  for (const step of steps) {
    if (step.kind === 'apply') await apply(one, step.version, step.mode);
    else if (step.kind === 'hand') disturb(one, step.what, step.at);
    else {
      const breaches = await rollback(one, step.target, step.force);
      if (breaches.length > 0) return { breaches, applied: one.before.size };
    }
  }
  return { breaches: [], applied: one.before.size };
}

const applied = (version: number, mode?: ActivationMode): Step => ({ kind: 'apply', version, ...(mode && { mode }) });
const hand = (what: (typeof HANDS)[number], at = 0): Step => ({ kind: 'hand', what, at });
const back = (target: Target, force = false): Step => ({ kind: 'rollback', target, force });
const NEWEST: Target = { kind: 'newest' };
const to = (number: number): Target => ({ kind: 'to', number });
const one = (number: number): Target => ({ kind: 'one', number });

describe('a rollback ends in one moment', () => {
  const WALKS: readonly (readonly [string, readonly Step[]])[] = [
    ['to the first machine', [applied(1, 'switch'), applied(2, 'switch'), back(to(0))]],
    ['out of order', [applied(1, 'switch'), hand('edit'), applied(2, 'switch'), back(one(1)), back(to(0), true)]],
    ['a file that only the later one made', [applied(2), hand('move'), applied(3), back(to(0))]],
    ['a tree moved by hand, one after the other', [applied(2), hand('move'), applied(3), back(NEWEST), back(NEWEST)]],
    ['set aside twice', [applied(1), hand('back'), applied(2), hand('back'), applied(3), back(to(0))]],
    [
      'set aside twice, one by one',
      [applied(1), hand('back'), applied(2), hand('back'), applied(3), back(NEWEST), back(NEWEST), back(NEWEST)],
    ],
    ['a switch by hand', [applied(1), hand('switch'), applied(2, 'switch'), back(to(0))]],
    ['boot, then test', [applied(1, 'boot'), applied(2, 'test'), back(to(0))]],
    ['a commit', [applied(1), hand('commit'), back(NEWEST), back(NEWEST, true)]],
    ['a commit, the repository moved away', [applied(1), hand('commit'), hand('repository gone'), back(NEWEST, true)]],
    ['the tree gone', [applied(1), applied(2), hand('gone'), back(NEWEST, true), back(to(0), true)]],
    [
      'a tree moved by hand and back, and a new one in the place that it had left',
      [applied(1, 'switch'), applied(2), hand('move'), applied(1), hand('back'), back(to(1)), back(NEWEST)],
    ],
    ['forth again', [applied(1, 'switch'), applied(2, 'switch'), back(to(0)), back(one(3)), back(NEWEST)]],
  ];
  test.each(WALKS)('%s', async (_what, steps) => {
    expect((await walk(steps)).breaches).toEqual([]);
  });

  test('whatever is drawn', async () => {
    const mode = fc.constantFrom(undefined, undefined, 'switch', 'boot', 'test', 'build') as fc.Arbitrary<
      ActivationMode | undefined
    >;
    const target = fc.oneof(fc.constant(NEWEST), fc.nat({ max: 5 }).map(to), fc.integer({ min: 1, max: 6 }).map(one));
    const step: fc.Arbitrary<Step> = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.tuple(fc.integer({ min: 1, max: 4 }), mode).map(([version, how]) => applied(version, how)),
      },
      {
        weight: 3,
        arbitrary: fc.tuple(fc.constantFrom(...HANDS), fc.nat({ max: 9 })).map(([what, at]) => hand(what, at)),
      },
      { weight: 4, arbitrary: fc.tuple(target, fc.boolean()).map(([where, force]) => back(where, force)) },
    );
    let rolled = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
        const { breaches, applied: transactions } = await walk([applied(1, 'switch'), ...steps]);
        expect(breaches).toEqual([]);
        rolled += transactions;
      }),
      { numRuns: Number(process.env.RUNS ?? 400) },
    );
    expect(rolled).toBeGreaterThan(400);
  });
});

describe('what is said before anything is written', () => {
  const barsOf = async (steps: readonly Step[], target: Target, force = false): Promise<readonly string[]> => {
    const here = world();
    for (const step of steps) {
      if (step.kind === 'apply') await apply(here, step.version, step.mode);
      else if (step.kind === 'hand') disturb(here, step.what, step.at);
      else await rollback(here, step.target, step.force);
    }
    const history = past(here.store);
    if (!history.ok) throw new Error(history.problem.summary);
    const selected = select(history.applies, target)!;
    const { bars } = undoing(selected, history.applies, here.host, { tx: 'a', startedAt: '', by: '' }, force);
    return bars.map(({ code }) => code);
  };
  test.each([
    ['an older one alone', [applied(1), applied(2)], one(1), ['RF3027']],
    ['an older one, the newer one undone', [applied(1), applied(2), back(NEWEST)], one(1), []],
    ['a rollback that is not undone', [applied(1), applied(2), back(to(0)), applied(3)], one(3), ['RF3027']],
    ['a repository that was committed to', [applied(1), hand('commit')], NEWEST, ['RF3011']],
    ['one that was committed to before the next apply', [applied(1), hand('commit'), applied(2)], NEWEST, []],
  ] as const)('%s', async (_what, steps, target, codes) => {
    expect(await barsOf(steps, target)).toEqual(codes);
    expect(await barsOf(steps, target, true)).toEqual(codes);
  });

  test('a system that was collected as garbage', async () => {
    const here = world();
    await apply(here, 1, 'switch');
    here.paths.delete(absolute('/nix/store/first'));
    const history = past(here.store);
    const { bars } = undoing(
      select(history.ok ? history.applies : [], NEWEST)!,
      history.ok ? history.applies : [],
      here.host,
      { tx: 'a', startedAt: '', by: '' },
      true,
    );
    expect(bars).toMatchObject([{ code: 'RF3028', path: '/nix/store/first' }]);
  });
});
