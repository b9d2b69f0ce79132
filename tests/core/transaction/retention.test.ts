// Retention keeps the newest records, by number and by size, and those that they need; each whole, wherever the removal dies.

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { digestOf } from '../../../core/canonical.ts';
import type { StateStore } from '../../../core/machine/state-store.ts';
import { goneThrough, past, select } from '../../../core/transaction/history.ts';
import { begin, commit, draft } from '../../../core/transaction/journal.ts';
import { prune } from '../../../core/transaction/retention.ts';
import { DEATH, dieBefore, FACTS, memoryScene, watched } from '../../support/faults.ts';
import { memoryStateStore } from '../../support/memory-store.ts';

/** One record: how many bytes of content it holds, or which records it undoes. */
type Past = readonly (number | readonly number[])[];

function stored(records: Past, store: StateStore = memoryStateStore()): StateStore {
  for (const [index, record] of records.entries()) {
    const body = Buffer.alloc(typeof record === 'number' ? record : 1, String(index));
    const entry = { type: 'file', content: digestOf(body), mode: 0o644, owner: { uid: 0, gid: 0 } } as const;
    const undoes = typeof record === 'number' ? [] : record;
    const kind = undoes.length === 0 ? 'apply' : 'rollback';
    const batches = [[{ op: 'put', path: '/a' as never, before: { type: 'absent' }, after: entry } as const]];
    const transaction = {
      tx: `${index}`,
      kind,
      plan: digestOf(''),
      host: FACTS,
      undoes,
      startedAt: '',
      by: '',
      batches,
    };
    draft(store, transaction as Parameters<typeof draft>[1], { [digestOf(body)]: body });
    begin(store);
    commit(store, index + 1, '');
    store.remove(`history/${index + 1}/unswept`);
  }
  return store;
}

const numbers = (store: StateStore): readonly number[] => {
  const found = past(store);
  if (!found.ok) throw new Error(found.problem.summary);
  return found.applies.map(({ number }) => number);
};

const KIB = 1024;
const MANY = Number.POSITIVE_INFINITY;

test.each<[string, Past, { applies: number; bytes: number }, readonly number[]]>([
  ['nothing at all', [], { applies: 1, bytes: 0 }, []],
  ['less than the limits', [1, 1], { applies: 2, bytes: 10 * KIB }, [1, 2]],
  ['too many', [1, 1, 1, 1], { applies: 2, bytes: MANY }, [3, 4]],
  ['too large', [90 * KIB, 1, 1], { applies: 9, bytes: 50 * KIB }, [2, 3]],
  ['too large in the middle: what is older goes too', [1, 90 * KIB, 1], { applies: 9, bytes: 50 * KIB }, [3]],
  ['the last one, however large', [1, 90 * KIB], { applies: 9, bytes: 1 }, [2]],
  ['what a kept rollback undid', [1, 1, 1, [2], 1], { applies: 2, bytes: MANY }, [2, 3, 4, 5]],
  ['and what that undid', [1, 1, [1], [3], 1], { applies: 2, bytes: 1 << 20 }, [1, 2, 3, 4, 5]],
  ['nothing for a rollback that goes itself', [1, 1, [2], 1, 1], { applies: 2, bytes: MANY }, [4, 5]],
])('keeps %s', (_what, records, limits, kept) => {
  const store = stored(records);
  prune(store, limits);
  expect(numbers(store)).toEqual(kept);
  prune(store, limits);
  expect(numbers(store)).toEqual(kept);
});

test('keeps what has left something beside its targets, until that is swept', () => {
  const store = stored([1, 1, 1, 1]);
  store.write('history/2/unswept', Buffer.from('x'));
  prune(store, { applies: 1, bytes: MANY });
  expect(numbers(store)).toEqual([2, 3, 4]);
  store.remove('history/2/unswept');
  prune(store, { applies: 1, bytes: MANY });
  expect(numbers(store)).toEqual([4]);
});

test('whatever the past: the newest stays, nothing is amid what is kept and gone, and no undone is forgotten', () => {
  const arbitrary = fc.array(fc.integer({ min: 1, max: 4000 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(
      arbitrary,
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 20_000 }),
      (drawn, applies, bytes) => {
        const records = drawn.map((one, index) => (one % 3 === 0 && index > 0 ? [1 + (one % index)] : one));
        const store = stored(records);
        const before = past(store);
        prune(store, { applies, bytes });
        const after = past(store);
        if (!before.ok || !after.ok) throw new Error('unreadable');
        expect(after.applies.length).toBeGreaterThan(0);
        expect(after.applies).toEqual(before.applies.slice(-after.applies.length));
      },
    ),
  );
});

test('dies at each step: the history is readable and has no holes, and the next run ends it', () => {
  const records: Past = [1, 1, 1, 1, 1];
  const limits = { applies: 2, bytes: MANY };
  for (let at = 0; ; at++) {
    const alive = stored(records);
    const dying = watched({ store: alive, host: memoryScene({}).open().host }, dieBefore(at)).store;
    let died = false;
    try {
      prune(dying, limits);
    } catch (thrown) {
      if (thrown !== DEATH) throw thrown;
      died = true;
    }
    const left = numbers(alive);
    expect(left).toEqual([1, 2, 3, 4, 5].slice(-left.length));
    prune(alive, limits);
    expect(numbers(alive)).toEqual([4, 5]);
    expect(alive.list('removed')).toEqual([]);
    if (!died) break;
    expect(at).toBeLessThan(20);
  }
});

describe('a past that was cut short', () => {
  const applies = (() => {
    const store = stored([1, 1, 1, 1]);
    prune(store, { applies: 2, bytes: MANY });
    const found = past(store);
    return found.ok ? found.applies : [];
  })();

  test.each([
    [{ kind: 'to', number: 0 }, undefined],
    [{ kind: 'to', number: 1 }, undefined],
    [{ kind: 'to', number: 2 }, [4, 3]],
    [{ kind: 'to', number: 3 }, [4]],
    [{ kind: 'one', number: 2 }, undefined],
    [{ kind: 'one', number: 3 }, [3]],
    [{ kind: 'newest' }, [4]],
  ] as const)('%j', (target, due) => {
    expect(goneThrough(applies)).toBe(2);
    expect(select(applies, target)?.map(({ number }) => number)).toEqual(due);
  });
});
