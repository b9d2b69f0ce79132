// A sample of the oracle for CI: hostile trees drawn anew from the same seeds, each command judged call by call. More of them,
// and any scene by its name: npm run test:boundary.
import { describe, expect, test } from '@jest/globals';
import { drawn, tried } from './draw.ts';
import { lineOf } from './oracle.ts';

/** About a minute on two cores. */
const RUNS = Number(process.env.RUNS ?? 12);

describe('no call with effective uid 0 touches what the law does not allow', () => {
  test.each(Array.from({ length: RUNS }, (_, n) => [drawn(n + 1).title, drawn(n + 1)] as const))(
    '%s',
    async (_title, draw) => {
      const { violations, harm, calls } = await tried(draw);
      expect([...harm, ...violations.map(lineOf)]).toEqual([]);
      expect(calls).toBeGreaterThan(100);
    },
    600_000,
  );
});
