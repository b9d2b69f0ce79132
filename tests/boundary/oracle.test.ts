// A sample of the oracle for CI: hostile trees drawn from the same seeds each time, each command judged call by call.
// For more of them, and for a scene by its name: npm run test:boundary.
import { describe, expect, test } from '@jest/globals';
import { drawn, tried } from './draw.ts';
import { lineOf } from './oracle.ts';

/** As many as two cores do in about a minute. */
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
