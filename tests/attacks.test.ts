// A few tries of each attack on a running apply: the naive twin must fall, and reflake must not. All tries: npm run
// test:crash.
import { describe, expect, test } from '@jest/globals';
import { groups } from './attacks/groups.ts';

describe('attacks by the owner of the tree', () => {
  test.each(groups.map((group) => [group.name, group] as const))(
    '%s',
    async (_name, group) => {
      const said: string[] = [];
      const outcome = await group.run({ all: process.env.CRASH === 'all', few: true, log: (line) => said.push(line) });
      expect({ said, failures: outcome.failures }).toEqual({ said, failures: [] });
      expect(outcome.skipped).toBeUndefined();
      // How many tries apply depends on luck and load; but some must end rightly.
      expect(outcome.new + outcome.old).toBeGreaterThan(0);
    },
    1_200_000,
  );
});
