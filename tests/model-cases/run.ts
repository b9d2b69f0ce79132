// Runs one case of the model and names the laws it broke. The builder of the edits computes the expected world, apart from the
// executor, and the outcome's claim is compared with it.

import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { digestOf } from '../../core/canonical.ts';
import type { Outcome } from '../../core/model.ts';
import { type AbsPath, absolute, isWithin, join, parent, ROOT } from '../../core/path.ts';
import { applies, execute, recover } from '../../core/transaction/executor.ts';
import type { Transaction } from '../../core/transaction/model.ts';
import {
  around,
  type Breaches,
  DEATH,
  dieBefore,
  difference,
  diskScene,
  FACTS,
  type Hooks,
  type Scene,
  untilDeath,
  watched,
} from '../support/faults.ts';
import { memoryHost } from '../support/memory-host.ts';
import { memoryStateStore } from '../support/memory-store.ts';
import { type Literal, memoryTree, type Rows, rowsOfMemory } from '../support/trees.ts';
import { type Act, type Apply, type At, build, type Case, carried, isKeptBeside, worldOf } from './case.ts';

export type Where = 'memory' | 'disk';

/** The events of the case, to be counted: a model that never meets a fault proves nothing. */
export interface Ran {
  readonly breaches: Breaches;
  /** `applied`, `dead`, ... of the first apply, and `acted`, `refused the lock`. */
  readonly met: readonly string[];
}

/** Needs root on the disk. Leaves nothing behind. */
export async function run(one: Case, where: Where): Promise<Ran> {
  const place = where === 'memory' ? inMemory(one.machine) : onDisk(one.machine);
  try {
    return await runIn(place, one, where);
  } finally {
    place.scene.remove();
  }
}

async function runIn(place: Place, one: Case, where: Where): Promise<Ran> {
  const { scene } = place;
  const breaches: string[] = [];
  const met: string[] = [];
  const actor = actorIn(place);
  const before = scene.rows();
  const first = build(worldOf(scene.open().host), one.first);
  const hooks: Hooks = {
    before(n, what) {
      if (where === 'disk' && n === one.asksForLock) {
        const second = scene.open().store.takeMutex('process 1 of second');
        if (!('heldBy' in second)) {
          breaches.push(`the second got the lock before step ${n} (${what}) of the first`);
          second.release();
        } else met.push('refused the lock');
      }
      for (const act of one.actor ?? []) if (isStep(act.when, n, what, actor.done.has(act))) actor.act(act);
    },
  };
  const { outcome, isStruck } = await applyOnce(scene, first, one.first.fault, hooks, 'aaaa');
  met.push(outcome?.status ?? 'dead');
  const disturbed = (): boolean => actor.acts.length > 0;
  const committed = applies(scene.open().store).length > 0;
  if (!disturbed())
    breaches.push(...judged('first', outcome, committed, before, rowsOfMemory(first.after), scene.rows()));
  if (!disturbed() && !isStruck) breaches.push(...smooth('first', outcome));
  for (const act of one.actor ?? []) if (act.when === 'between') actor.act(act);
  if (disturbed()) met.push('acted', `acted, ${outcome?.status ?? 'dead'}`);

  const recovered = await recoverAll(scene, one.recoveryDies, breaches);
  if (recovered?.status === 'stuck') {
    met.push('stuck');
    if (!disturbed()) breaches.push(`recovery is stuck: ${JSON.stringify(recovered)}`);
  } else breaches.push(...leftovers(scene));
  const due = committed ? rowsOfMemory(first.after) : before;
  if (!disturbed()) breaches.push(...difference('recovered', due, scene.rows()));
  else {
    breaches.push(...actor.missing());
    const related = carried(actor.acts, first.batches.flat());
    const rows = (all: Rows): Rows => all.filter((row) => !isExcused(row, related));
    if (recovered?.status !== 'stuck') breaches.push(...difference('others', rows(due), rows(scene.rows())));
  }
  if (one.second !== undefined && recovered?.status !== 'stuck') {
    // Files of the other user are part of the machine now: the second apply leaves them alone, or has them in its edits.
    breaches.push(...(await runSecond(scene, one.second, met)));
  }
  return { breaches, met };
}

/** Nobody disturbs this one: exactly old, or exactly new. */
async function runSecond(scene: Scene, apply: Apply, met: string[]): Promise<Breaches> {
  const before = scene.rows();
  const { host, store } = scene.open();
  const past = applies(store).length;
  const built = build(worldOf(host), apply);
  const after = rowsOfMemory(built.after);
  const { outcome, isStruck } = await applyOnce(scene, built, apply.fault, {}, 'bbbb');
  met.push(`second ${outcome?.status ?? 'dead'}`);
  const committed = applies(store).length > past;
  const breaches: string[] = [];
  if (!isStruck) breaches.push(...smooth('second', outcome));
  breaches.push(...judged('second', outcome, committed, before, after, scene.rows()));
  const recovered = await recoverAll(scene, undefined, breaches);
  if (recovered?.status === 'stuck') breaches.push(`recovery of the second is stuck: ${JSON.stringify(recovered)}`);
  breaches.push(...difference('second, recovered', committed ? after : before, scene.rows()), ...leftovers(scene));
  return breaches;
}

/** Under the lock, as a process; undefined where it died, which lets go of the lock. */
async function applyOnce(
  scene: Scene,
  { batches, blobs }: Pick<ReturnType<typeof build>, 'batches' | 'blobs'>,
  fault: Apply['fault'],
  hooks: Hooks,
  tx: string,
): Promise<{ readonly outcome: Outcome | undefined; readonly isStruck: boolean }> {
  const opened = scene.open();
  const lock = opened.store.takeMutex(`process 1 of ${tx}`);
  if ('heldBy' in lock) throw new Error(`the lock is held by ${lock.heldBy}`);
  let isDone = false;
  const strike = (when: 'before' | 'after') => (n: number, what: string) => {
    if (when === 'before') hooks.before?.(n, what);
    if (fault === undefined || (fault.how === 'after') !== (when === 'after') || !isStep(fault.at, n, what, isDone))
      return;
    isDone = true;
    throw fault.how === 'death'
      ? DEATH
      : Object.assign(new Error('input/output error'), { code: 'EIO', syscall: 'test' });
  };
  const transaction: Transaction = {
    tx,
    kind: 'apply',
    plan: digestOf(tx),
    host: FACTS,
    undoes: [],
    startedAt: '2026-01-01T00:00:00Z',
    by: 'model',
    batches,
  };
  const living = watched(opened, { before: strike('before'), after: strike('after') });
  try {
    const outcome = await untilDeath(() => execute(transaction, blobs, around(living)));
    return { outcome, isStruck: isDone };
  } finally {
    lock.release();
  }
}

/** Once, with a death if there shall be one; and again, which must find nothing to do. */
async function recoverAll(scene: Scene, dies: number | undefined, breaches: string[]): Promise<Outcome | undefined> {
  if (dies !== undefined) await untilDeath(() => recover(around(watched(scene.open(), dieBefore(dies)))));
  const outcome = await recover(around(scene.open()));
  const rows = scene.rows();
  const again = await recover(around(scene.open()));
  if (outcome?.status !== 'stuck' && again !== undefined) breaches.push(`recovered twice: ${JSON.stringify(again)}`);
  if (outcome?.status !== 'stuck') breaches.push(...difference('recovered twice', rows, scene.rows()));
  return again ?? outcome;
}

/** Its edits are honest: with nothing in the way there is no reason not to do them. */
const smooth = (which: string, outcome: Outcome | undefined): Breaches =>
  outcome?.status === 'applied' || outcome?.status === 'unchanged'
    ? []
    : [`${which}, undisturbed: ${JSON.stringify(outcome)}`];

/** Checks the claim of an outcome. Staging directories may be left until the next run. */
function judged(
  which: string,
  outcome: Outcome | undefined,
  committed: boolean,
  before: Rows,
  after: Rows,
  all: Rows,
): Breaches {
  const rows = all.filter((row) => !isWork(row));
  if (outcome === undefined) return [];
  switch (outcome.status) {
    case 'applied':
      return [
        ...(committed ? [] : [`${which}: applied, without a record`]),
        ...difference(`${which} applied`, after, rows),
      ];
    case 'stuck':
      return [`${which} is stuck: ${JSON.stringify(outcome)}`];
    default:
      return difference(`${which} ${outcome.status}`, before, rows);
  }
}

function leftovers(scene: Scene): Breaches {
  const { store } = scene.open();
  const journal = ['journal', 'journal.new', 'removed'].filter((name) => store.list(name).length > 0);
  return [...journal, ...scene.rows().filter(isWork)].map((what) => `left over: ${what}`);
}

const isWork = (row: string): boolean => /\/\.reflake-[0-9a-f]+[\t/]/.test(row);

const isStep = (at: At, n: number, what: string, isDone: boolean): boolean => !isDone && (n === at || what === at);

const isExcused = (row: string, related: readonly AbsPath[]): boolean => {
  const path = row.split('\t')[0] as AbsPath;
  return isKeptBeside(path) || related.some((one) => isWithin(path, one));
};

interface Actor {
  readonly act: (act: Act) => void;
  readonly done: ReadonlySet<Act>;
  /** Paths at which something was done. */
  readonly acts: readonly AbsPath[];
  /** Bytes that were written and not removed again by the same hand, and are nowhere. */
  readonly missing: () => Breaches;
}

function actorIn({ hand }: Place): Actor {
  const done = new Set<Act>();
  const acts: AbsPath[] = [];
  const alive = new Set<string>();
  const isThere = (token: string): boolean => hand.holds(token);
  return {
    done,
    acts,
    act(one) {
      done.add(one);
      const path = absolute(one.path);
      // Nothing is made through links: those are the racing attackers' business (tests/attacks).
      if (!leadsTo(path, hand)) return;
      const there = hand.kind(path);
      const had = [...alive].filter(isThere);
      const token = `<theirs ${done.size}>`;
      const isNew = one.act === 'file' || one.act === 'tree';
      if (isNew ? there !== 'absent' : there === 'absent' || there === 'other') return;
      if (one.act === 'edit' && there !== 'file') return;
      if (one.act === 'chmod' && there !== 'file' && there !== 'dir') return;
      acts.push(path);
      if (one.act === 'delete') hand.remove(path);
      else if (one.act === 'chmod') hand.chmod(path, 0o711);
      else if (one.act === 'edit') hand.append(path, token);
      else if (one.act === 'tree') {
        hand.dir(path);
        hand.file(join(path, 'theirs'), token);
      } else hand.file(path, token);
      if (one.act !== 'delete' && one.act !== 'chmod') alive.add(token);
      for (const gone of had.filter((other) => !isThere(other))) alive.delete(gone);
    },
    missing: () => [...alive].filter((token) => !isThere(token)).map((token) => `lost: ${token}`),
  };
}

/** True if everything above the path is a real directory, no link. */
const leadsTo = (path: AbsPath, hand: Pick<Hand, 'kind'>): boolean => {
  const above = parent(path);
  return above === ROOT || (leadsTo(above, hand) && hand.kind(above) === 'dir');
};

interface Place {
  readonly scene: Scene;
  readonly hand: Hand;
}

/** Another user's acts, written without any part of reflake. */
interface Hand {
  readonly kind: (path: AbsPath) => 'absent' | 'file' | 'dir' | 'link' | 'other';
  /** Instead of whatever is there. */
  readonly file: (path: AbsPath, body: string) => void;
  readonly append: (path: AbsPath, body: string) => void;
  readonly dir: (path: AbsPath) => void;
  readonly remove: (path: AbsPath) => void;
  readonly chmod: (path: AbsPath, mode: number) => void;
  /** True if any file of the machine, staging directories included, holds it. */
  readonly holds: (token: string) => boolean;
}

function inMemory(machine: Literal): Place {
  const paths = memoryTree(machine);
  const files = new Map<string, Uint8Array>();
  const owner = { uid: 0, gid: 0 };
  const remove = (path: AbsPath): void => {
    for (const one of [...paths.keys()]) if (isWithin(one, path)) paths.delete(one);
  };
  return {
    scene: {
      open: () => ({ host: memoryHost(paths, FACTS), store: memoryStateStore(files) }),
      rows: () => rowsOfMemory(paths),
      remove: () => {},
    },
    hand: {
      kind: (path) => paths.get(path)?.entry.type ?? 'absent',
      file(path, body) {
        remove(path);
        paths.set(path, { entry: { type: 'file', mode: 0o644, owner }, bytes: Buffer.from(body) });
      },
      append(path, body) {
        const { entry, bytes } = paths.get(path)!;
        paths.set(path, { entry, bytes: Buffer.concat([bytes ?? Buffer.alloc(0), Buffer.from(body)]) });
      },
      dir: (path) => void paths.set(path, { entry: { type: 'dir', mode: 0o755, owner } }),
      remove,
      chmod(path, mode) {
        const { entry, ...rest } = paths.get(path)!;
        paths.set(path, { ...rest, entry: { ...entry, mode } as typeof entry });
      },
      holds: (token) => [...paths.values()].some(({ bytes }) => Buffer.from(bytes ?? '').includes(token)),
    },
  };
}

function onDisk(machine: Literal): Place {
  const scene = diskScene(machine);
  const at = (path: AbsPath): string => `${scene.root}${path}`;
  return {
    scene,
    hand: {
      kind(path) {
        const stat = lstatSync(at(path), { throwIfNoEntry: false });
        if (stat === undefined) return 'absent';
        return stat.isFile() ? 'file' : stat.isDirectory() ? 'dir' : stat.isSymbolicLink() ? 'link' : 'other';
      },
      file(path, body) {
        if (lstatSync(at(path), { throwIfNoEntry: false })?.isDirectory()) rmSync(at(path), { recursive: true });
        // As editors do it.
        writeFileSync(`${at(path)}.saving`, body, { flag: 'wx' });
        renameSync(`${at(path)}.saving`, at(path));
      },
      append: (path, body) => appendFileSync(at(path), body),
      dir: (path) => mkdirSync(at(path)),
      remove: (path) => rmSync(at(path), { recursive: true }),
      chmod: (path, mode) => chmodSync(at(path), mode),
      holds: (token) => holdsBelow(scene.root!, token),
    },
  };
}

function holdsBelow(dir: string, token: string): boolean {
  return readdirSync(dir, { withFileTypes: true }).some((entry) => {
    const path = `${dir}/${entry.name}`;
    return entry.isDirectory() ? holdsBelow(path, token) : entry.isFile() && readFileSync(path).includes(token);
  });
}
