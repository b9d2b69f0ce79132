// The fold over the providers and what goes into it: rights that are missing, wishes with names filled in, and plans that
// know when they were altered.

import { afterEach, describe, expect, test } from '@jest/globals';
import { findingsOf } from '../../../core/finding.ts';
import { realHost } from '../../../core/host/real-host.ts';
import type { Plan } from '../../../core/model.ts';
import { absolute, isWithin } from '../../../core/path.ts';
import { isIntact } from '../../../core/plan/plan-id.ts';
import { changedSince } from '../../../core/plan/read-set.ts';
import { memoryScene } from '../../support/faults.ts';
import { BASES, machineOf, planCases, planFor, toolsOf } from '../../support/plan-cases.ts';
import { type Leaf, type Literal, layOut, temporary } from '../../support/trees.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0)) clean();
});

describe('rights that are missing', () => {
  test('are a diagnostic with the path, in every provider that meets them', async () => {
    if (process.geteuid?.() !== 0) return;
    const { dir, remove } = temporary();
    cleanups.push(remove);
    layOut(dir, BASES.machines.settled);
    const host = realHost(absolute(dir));
    // As somebody to whom the home of the owner is closed.
    process.seteuid?.(1234);
    try {
      const { plan, diagnostics } = await planFor({}, host);
      const closed = diagnostics.filter(({ code }) => code === 'RF2005');
      expect(closed.length).toBeGreaterThan(0);
      expect(closed.every(({ severity, path }) => severity === 'error' && path?.startsWith('/home/srid/'))).toBe(true);
      expect(plan?.steps.flatMap(({ edits }) => edits)).toEqual([]);
    } finally {
      process.seteuid?.(0);
    }
  });
});

describe('a plan', () => {
  const planned = async (): Promise<Plan> => {
    const one = { base: 'fresh', spec: { git: 'track' } } as const;
    const { plan } = await planFor(one, memoryScene(machineOf(one), toolsOf({})).open().host);
    return plan!;
  };

  test('is itself after a walk through JSON', async () => {
    const plan = await planned();
    const blobs = Object.fromEntries(
      Object.entries(plan.blobs).map(([digest, bytes]) => [digest, Buffer.from(bytes).toString('base64')]),
    );
    const read = JSON.parse(JSON.stringify({ ...plan, blobs })) as Omit<Plan, 'blobs'> & {
      blobs: Record<string, string>;
    };
    const back = Object.fromEntries(
      Object.entries(read.blobs).map(([digest, text]) => [digest, Buffer.from(text, 'base64')]),
    );
    expect(isIntact(plan)).toBe(true);
    expect(isIntact({ ...read, blobs: back })).toBe(true);
  });

  test('with any leaf changed is no longer itself', async () => {
    const plan = await planned();
    let tried = 0;
    const visit = (value: unknown, replace: (next: unknown) => unknown): void => {
      if (value instanceof Uint8Array) {
        expect(isIntact(replace(Buffer.concat([value, Buffer.from('x')])) as Plan)).toBe(false);
        tried++;
      } else if (Array.isArray(value)) {
        for (const [at, item] of value.entries()) visit(item, (next) => replace(value.with(at, next)));
        expect(isIntact(replace([...value, 'more']) as Plan)).toBe(false);
      } else if (typeof value === 'object' && value !== null) {
        for (const [key, item] of Object.entries(value)) visit(item, (next) => replace({ ...value, [key]: next }));
      } else {
        expect(isIntact(replace(typeof value === 'number' ? value + 1 : `${String(value)}x`) as Plan)).toBe(false);
        tried++;
      }
    };
    visit(plan, (next) => next);
    expect(tried).toBeGreaterThan(200);
  });
});

test('a plan made while a path input was as locked is bound to all of that tree', async () => {
  const one = planCases().find(({ name }) => name === 'lock/tree-changed')!;
  const dots = absolute('/home/srid/nixos-config/dots');
  const machine = machineOf({ ...one, machine: { ...one.machine, '/etc/nix/nix.conf': '' } });
  const hash = memoryScene(machine).open().host.treeHash(dots)!;
  const lock = '/home/srid/nixos-config/flake.lock';
  const { file, owner } = machine[lock] as { file: readonly string[]; owner: readonly [number, number] };
  const isOfDots = (at: number) => file[at]!.includes('narHash') && file[at + 1]!.includes('./dots');
  const asLocked = file.map((line, at) => (isOfDots(at) ? `"narHash": "${hash}",` : line));
  const scene: Literal = { ...machine, [lock]: { file: asLocked, owner } };
  const { plan } = await planFor({}, memoryScene(scene).open().host);
  expect(plan!.steps.filter(({ edits }) => edits.length > 0).map(({ provider }) => provider)).toEqual(['nix-conf']);
  // Other providers list it, too, but no file in it is recorded by itself.
  expect(plan!.readSet.filter(({ path }) => isWithin(path, dots)).map(({ saw }) => saw)).toEqual(['names', 'tree']);
  const changed = (leaf: Leaf) =>
    [...changedSince(plan!.readSet, memoryScene({ ...scene, [`${dots}/vimrc`]: leaf }).open().host)].map(
      ({ path }) => path,
    );
  expect(changed(scene[`${dots}/vimrc`]!)).toEqual([]);
  expect(changed({ file: 'set nu\n', mode: '0755', owner: [1000, 100] })).toEqual([dots]);
  expect(changed({ file: 'set nonu\n', owner: [1000, 100] })).toEqual([dots]);
});

/** The files in /etc/nixos of the fresh machine. */
const GONE = Object.fromEntries(
  Object.keys(BASES.machines.fresh)
    .filter((path) => path.startsWith('/etc/nixos/'))
    .map((path) => [path, null]),
);

describe('the same trouble', () => {
  const codesOf = async (one: Partial<Parameters<typeof machineOf>[0]> & { readonly spec?: unknown }) => {
    const { plan } = await planFor(one, memoryScene(machineOf({ base: 'fresh', ...one }), toolsOf({})).open().host);
    return {
      told: findingsOf(plan!).map(({ code, path, at }) => `${code} ${at?.file ?? path}`),
      answers: Object.fromEntries(plan!.steps.flatMap(({ verdicts }) => verdicts.map(({ wish, by }) => [wish, by]))),
    };
  };

  test('is told once, and what it bars is barred by it: no configuration, because the old place leads elsewhere', async () => {
    const { told, answers } = await codesOf({ machine: { '/etc/nixos': { link: 'elsewhere' }, ...GONE } });
    expect(told.filter((line) => !line.startsWith('RF2104'))).toEqual(['RF2021 /etc/nixos']);
    expect(answers).toMatchObject({ '/lock': 'RF2021', '/config/owner': 'RF2021', '/inputs/nixpkgs': 'RF2021' });
  });

  test('of a file that the plan moves is shown where it lies now', async () => {
    const { told } = await codesOf({ machine: { '/etc/nixos/configuration.nix': '{ broken' } });
    expect(told).toContain('RF2009 /etc/nixos/configuration.nix');
  });
});
