// Processes that fail or die between two steps, and the laws about what they leave. A step is anything that changes the
// machine or the store; a dead process takes none, and the next one finds what was done before.

import type { Event } from '../../core/event.ts';
import { realHost } from '../../core/host/real-host.ts';
import { diskStore } from '../../core/host/state-directory.ts';
import type { Blobs, Host } from '../../core/machine/host.ts';
import type { StateStore } from '../../core/machine/state-store.ts';
import type { HostFacts, Outcome, Signal } from '../../core/model.ts';
import { absolute } from '../../core/path.ts';
import type { Surroundings } from '../../core/transaction/execution.ts';
import { execute, recover } from '../../core/transaction/executor.ts';
import type { Transaction } from '../../core/transaction/model.ts';
import { memoryHost } from './memory-host.ts';
import { memoryStateStore } from './memory-store.ts';
import { type Literal, layOut, memoryTree, type Rows, rowsOfDisk, rowsOfMemory, temporary } from './trees.ts';

/** A machine with its state directory. `open` looks at both as a new process would. */
export interface Scene {
  readonly open: () => { readonly host: Host; readonly store: StateStore };
  readonly rows: () => Rows;
  readonly remove: () => void;
  /** The machine's `/`, if it is on a disk. */
  readonly root?: string;
}

export const FACTS: HostFacts = { name: 'nixos', system: 'x86_64-linux', machineId: '' };

export function memoryScene(literal: Literal, compute?: Parameters<typeof memoryHost>[2], facts = FACTS): Scene {
  const paths = memoryTree(literal);
  const files = new Map<string, Uint8Array>();
  return {
    open: () => ({ host: memoryHost(paths, facts, compute), store: memoryStateStore(files) }),
    rows: () => rowsOfMemory(paths),
    remove: () => {},
  };
}

export function diskScene(literal: Literal): Scene {
  const machine = temporary({ fast: true });
  const state = temporary({ fast: true });
  layOut(machine.dir, literal);
  return {
    open: () => ({ host: realHost(absolute(machine.dir)), store: diskStore(state.dir) }),
    rows: () => rowsOfDisk(machine.dir),
    root: machine.dir,
    remove: () => {
      machine.remove();
      state.remove();
    },
  };
}

/** Called around step `n` (from 0), with its name: `write`, `store.rename journal`. */
export interface Hooks {
  readonly before?: (n: number, what: string) => void;
  readonly after?: (n: number, what: string) => void;
}

export interface Watched {
  readonly host: Host;
  readonly store: StateStore;
  /** The steps so far. */
  readonly steps: string[];
}

export function watched({ host, store }: { host: Host; store: StateStore }, hooks: Hooks = {}): Watched {
  const steps: string[] = [];
  let isDead = false;
  const step = <T>(what: string, act: () => T): T => {
    if (isDead) throw DEATH;
    const n = steps.push(what) - 1;
    try {
      hooks.before?.(n, what);
      const result = act();
      hooks.after?.(n, what);
      return result;
    } catch (thrown) {
      isDead ||= thrown === DEATH;
      throw thrown;
    }
  };
  const look = <T>(act: () => T): T => {
    if (isDead) throw DEATH;
    return act();
  };
  return {
    steps,
    host: {
      ...host,
      stat: (path) => look(() => host.stat(path)),
      read: (path) => look(() => host.read(path)),
      list: (path) => look(() => host.list(path)),
      entries: (path) => look(() => host.entries(path)),
      work: (edits, tx, by) => {
        const work = host.work(edits, tx, by);
        const name = (at: number): string => {
          const edit = edits[at]!;
          return edit.op === 'move' ? edit.to : edit.op === 'put' ? edit.path : 'activation';
        };
        return {
          prepare: (blobs) => step('prepare', () => work.prepare(blobs)),
          publish: (at) => step(`publish ${name(at)}`, () => work.publish(at)),
          undo: (at, blobs) => step(`undo ${name(at)}`, () => work.undo(at, blobs)),
          look: (at) => look(() => work.look(at)),
          isOurs: (at) => look(() => work.isOurs(at)),
          returnsOriginal: (at) => look(() => work.returnsOriginal(at)),
          setAside: (path, at) => step(`setAside ${path}`, () => work.setAside(path, at)),
          flush: () => step('flush', () => work.flush()),
          sweep: () => step('sweep', () => work.sweep()),
          drop: () => step('drop', () => work.drop()),
          kept: () => look(() => work.kept()),
          // The kernel closes the descriptors of a dead process.
          close: () => work.close(),
        };
      },
      activate: async (edit, progress) => {
        if (isDead) throw DEATH;
        return await host.activate(edit, progress);
      },
    },
    store: {
      ...store,
      read: (name) => look(() => store.read(name)),
      list: (name) => look(() => store.list(name)),
      write: (name, bytes) => step(`store.write ${name}`, () => store.write(name, bytes)),
      rename: (from, to) => step(`store.rename ${from} ${to}`, () => store.rename(from, to)),
      remove: (name) => step(`store.remove ${name}`, () => store.remove(name)),
      tidy: () => step('store.tidy', () => store.tidy()),
    },
  };
}

/** Thrown to simulate death. It is no Error, so that no code of the dead process handles it. */
export const DEATH = Symbol('death');

export const dieBefore = (at: number): Hooks => ({
  before: (n) => {
    if (n === at) throw DEATH;
  },
});

const disk = (): Error => Object.assign(new Error('input/output error'), { code: 'EIO', syscall: 'test' });

/** One fault: instead of the step, or after it was done. */
export const faultAt = (at: number, when: 'before' | 'after'): Hooks => ({
  [when]: (n: number) => {
    if (n === at) throw disk();
  },
});

export function around(
  { host, store }: Pick<Watched, 'host' | 'store'>,
  more: Partial<Pick<Surroundings, 'verify' | 'stopped' | 'report'>> = {},
): Surroundings {
  return {
    host,
    store,
    report: () => {},
    stopped: () => undefined,
    settling: () => {},
    verify: async () => [],
    now: () => '2026-01-01T00:00:00Z',
    ...more,
  };
}

/** Undefined if the process died. */
export async function untilDeath<T>(run: () => Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (thrown) {
    if (thrown === DEATH) return undefined;
    throw thrown;
  }
}

/** Reports SIGINT from the nth question on. */
export function stoppedAfter(questions: number): () => Signal | undefined {
  let asked = 0;
  return () => (asked++ >= questions ? 'SIGINT' : undefined);
}

export interface Trial {
  readonly scene: () => Scene;
  readonly transaction: (opened: ReturnType<Scene['open']>) => { transaction: Transaction; blobs: Blobs };
  /** Earlier applies. */
  readonly earlier?: (scene: Scene) => Promise<void>;
  readonly verify?: (opened: ReturnType<Scene['open']>) => Surroundings['verify'];
  /** Every how many steps one is tried; 1: all. */
  readonly stride?: number;
}

interface Ready {
  readonly scene: Scene;
  readonly before: Rows;
  readonly run: (hooks?: Hooks) => Promise<{ outcome: Outcome | undefined; steps: readonly string[]; events: Event[] }>;
}

async function ready({ scene: make, earlier, transaction, verify }: Trial): Promise<Ready> {
  const scene = make();
  await earlier?.(scene);
  return {
    scene,
    before: scene.rows(),
    async run(hooks = {}) {
      const opened = scene.open();
      const events: Event[] = [];
      const { transaction: asked, blobs } = transaction(opened);
      const living = watched(opened, hooks);
      const more = { report: (event: Event) => void events.push(event), ...(verify && { verify: verify(opened) }) };
      const outcome = await untilDeath(() => execute(asked, blobs, around(living, more)));
      return { outcome, steps: living.steps, events };
    },
  };
}

/** The steps of the trial, and the machine after it. Throws if the trial is not applied. */
export async function course(trial: Trial): Promise<{ readonly steps: readonly string[]; readonly after: Rows }> {
  const { scene, run } = await ready(trial);
  try {
    const { outcome, steps } = await run();
    if (outcome?.status !== 'applied') throw new Error(`not applied: ${JSON.stringify(outcome)}`);
    return { steps, after: scene.rows() };
  } finally {
    scene.remove();
  }
}

/** Breaches of a law, in words; empty if it holds. */
export type Breaches = readonly string[];

/**
 * Injects a fault at step n, for every n: the machine must be as before or, once committed, as planned, and the outcome
 * must say so.
 */
export async function undoable(trial: Trial): Promise<Breaches> {
  const { steps, after } = await course(trial);
  const breaches: string[] = [];
  for (let n = 0; n < steps.length; n += trial.stride ?? 1) {
    for (const when of ['before', 'after'] as const) {
      const { scene, before, run } = await ready(trial);
      const { outcome } = await run(faultAt(n, when));
      const where = `fault ${when} step ${n} (${steps[n]}): ${outcome?.status}`;
      const due = outcome?.status === 'applied' ? after : before;
      if (outcome === undefined || outcome.status === 'stuck' || outcome.status === 'unchanged')
        breaches.push(`${where} ${JSON.stringify(outcome)}`);
      breaches.push(...difference(`${where}, machine`, due, scene.rows().filter(isVisible)));
      await recover(around(watched(scene.open())));
      breaches.push(...difference(`${where}, then recover`, due, scene.rows()));
      if (scene.open().store.list('journal').length > 0) breaches.push(`${where}: a journal is left`);
      scene.remove();
    }
  }
  return breaches.slice(0, 8);
}

/** Staging directories may be left until the next run. */
const isVisible = (row: string): boolean => !/^(\/[^\t]*)?\/\.reflake-[0-9a-f]+[\t/]/.test(row);

/**
 * Dies before step n, for every n, and then recovers; the recovery dies once before each of its own steps. The machine
 * must be old or new.
 */
export async function recoverable(trial: Trial, { twice = true } = {}): Promise<Breaches> {
  const { steps, after } = await course(trial);
  const breaches: string[] = [];
  for (let n = 0; n < steps.length; n += trial.stride ?? 1) {
    // The inner loop ends with the first recovery that survives.
    for (let m = twice ? 0 : Number.POSITIVE_INFINITY; ; m++) {
      const { scene, before, run } = await ready(trial);
      const past = scene.open().store.list('history').length;
      await run(dieBefore(n));
      const committed = scene.open().store.list('history').length > past;
      const dying = watched(scene.open(), dieBefore(m));
      let survived = false;
      await untilDeath(async () => {
        await recover(around(dying));
        survived = true;
      });
      const where = `death before step ${n} (${steps[n]})${survived ? '' : `, then before step ${m} of recovery`}`;
      const outcome = survived ? undefined : await recover(around(watched(scene.open())));
      if (outcome?.status === 'stuck') breaches.push(`${where}: ${JSON.stringify(outcome)}`);
      breaches.push(...difference(where, committed ? after : before, scene.rows()));
      if (scene.open().store.list('journal').length > 0) breaches.push(`${where}: a journal is left`);
      scene.remove();
      if (survived) break;
    }
  }
  return breaches.slice(0, 8);
}

export function difference(where: string, due: Rows, found: Rows): Breaches {
  const lost = due.filter((row) => !found.includes(row));
  const extra = found.filter((row) => !due.includes(row));
  return lost.length + extra.length === 0
    ? []
    : [`${where}: ${[...lost.map((row) => `- ${row}`), ...extra.map((row) => `+ ${row}`)].slice(0, 6).join('; ')}`];
}
