// The model: random machines, dependent edits, faults, deaths, somebody else's acts and a second apply. The result must
// be old or new, and nobody's bytes are lost. A breach is saved in tests/model-cases/ and tried from then on.
// RUNS=n draws that many runs in memory, and a fifth as many on the disk.

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Act, type Apply, type Case, save, savedCases, type Wish } from './model-cases/case.ts';
import { run, type Where } from './model-cases/run.ts';
import type { Leaf } from './support/trees.ts';

const RUNS = Number(process.env.RUNS ?? 300);

test.each(savedCases())('%s', async (_name, one) => {
  for (const where of ['memory', 'disk'] as const) {
    expect((await run(one, where)).breaches).toEqual([]);
  }
});

describe.each([
  ['memory', RUNS],
  ['disk', Math.ceil(RUNS / 5)],
] as const)('drawn, %s', (where: Where, runs) => {
  test('old or new, and nothing of anybody is lost', async () => {
    const met = new Map<string, number>();
    let broken: Case | undefined;
    const result = await fc.check(
      fc.asyncProperty(cases(), async (one) => {
        const ran = await run(one, where);
        for (const what of ran.met) met.set(what, (met.get(what) ?? 0) + 1);
        if (ran.breaches.length > 0) broken = one;
        expect(ran.breaches).toEqual([]);
      }),
      // The same draws each time, unless SEED asks for others. Known limit: the machine in memory has no inodes, so it
      // takes a tree that somebody puts at the old place of a move for the one to be moved; the disk tells them apart.
      { numRuns: runs, interruptAfterTimeLimit: 400_000, seed: Number(process.env.SEED ?? 7) },
    );
    if (process.env.MET) process.stderr.write(`${where}: ${JSON.stringify([...met].sort())}\n`);
    if (result.failed) {
      const [smallest] = result.counterexample ?? [broken];
      const name = smallest && save(smallest, `seed ${result.seed}, ${where}`);
      throw new Error(`${name ?? 'a run'}: ${String(result.errorInstance)}`);
    }
    // Draws that never reach these outcomes prove nothing; the rare ones are expected only among the many runs in
    // memory.
    const rare = where === 'memory' ? ['rolled-back', 'refused', 'acted', 'second dead'] : [];
    for (const what of ['applied', 'dead', 'second applied', ...rare])
      expect([what, (met.get(what) ?? 0) > 0]).toEqual([what, true]);
  }, 600_000);
});

function cases(): fc.Arbitrary<Case> {
  const name = fc.constantFrom('a', 'b', 'c');
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `/${names.join('/')}`);
  const owner = fc.constantFrom([0, 0] as const, [0, 0] as const, [1000, 100] as const);
  const mode = fc.constantFrom(0o644, 0o600, 0o755);
  const dirMode = fc.constantFrom(0o755, 0o700, 0o2750);
  const body = fc.constantFrom('one', 'two', 'three');
  // No link leads to itself, whatever moves where: a saved case tests that.
  const target = fc.constantFrom('nowhere', '/z');
  const wish: fc.Arbitrary<Wish> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ op: fc.constant('file' as const), path, body, mode, owner }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('dir' as const), path, mode: dirMode, owner }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('metadata' as const), path, mode: dirMode, owner }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('link' as const), path, target, owner }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('remove' as const), path }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('move' as const), from: path, to: path }) },
  );
  const how = fc.constantFrom('before' as const, 'after' as const, 'death' as const, 'death' as const);
  const fault = fc.option(fc.record({ at: fc.nat({ max: 20 }), how }), { nil: undefined, freq: 3 });
  const apply: fc.Arbitrary<Apply> = fc
    .record({ wishes: fc.array(wish, { minLength: 2, maxLength: 7 }), fault })
    .map(({ wishes, fault: struck }) => ({ wishes, ...(struck && { fault: struck }) }));
  const act: fc.Arbitrary<Act> = fc.record({
    when: fc.oneof(fc.nat({ max: 16 }), fc.nat({ max: 16 }), fc.constant('between')),
    act: fc.constantFrom('replace' as const, 'edit', 'delete', 'chmod', 'file', 'tree'),
    path,
  });
  const leaf: fc.Arbitrary<Leaf> = fc.oneof(
    fc.record({ file: fc.constantFrom('zero', 'one', 'two'), mode: fc.constantFrom('0644', '0600'), owner }),
    fc.record({ dir: fc.constant(true as const), mode: fc.constantFrom('0755', '0700'), owner }),
    fc.record({ link: target, owner }),
  );
  const machine = fc
    .array(fc.tuple(path, leaf), { minLength: 2, maxLength: 9 })
    .map((leaves) => ({ '/z/kept': 'kept', ...Object.fromEntries(leaves.filter(([at]) => isFree(at, leaves))) }));
  return fc
    .record({
      machine,
      first: apply,
      second: fc.option(apply, { nil: undefined }),
      recoveryDies: fc.option(fc.nat({ max: 12 }), { nil: undefined, freq: 1 }),
      asksForLock: fc.option(fc.nat({ max: 20 }), { nil: undefined, freq: 1 }),
      actor: fc.oneof(fc.constant([]), fc.array(act, { minLength: 2, maxLength: 4 })),
    })
    .map(({ second, recoveryDies, asksForLock, ...one }) => ({
      ...one,
      ...(second && { second }),
      ...(recoveryDies !== undefined && { recoveryDies }),
      ...(asksForLock !== undefined && { asksForLock }),
    }));
}

/** True if everything above it in the literal is a directory. */
const isFree = (path: string, leaves: readonly (readonly [string, Leaf])[]): boolean =>
  leaves.every(([other, leaf]) => !path.startsWith(`${other}/`) || (typeof leaf === 'object' && 'dir' in leaf));
