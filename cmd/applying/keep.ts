// Limits the history that an apply leaves: parses the options and removes older records.

import { failure } from '../../core/machine/failure.ts';
import type { Outcome } from '../../core/model.ts';
import { publishIndex } from '../../core/transaction/apply-index.ts';
import type { Surroundings } from '../../core/transaction/execution.ts';
import { LIMITS, type Limits, prune } from '../../core/transaction/retention.ts';
import type { Usage } from '../session/io.ts';

/** As typed. */
export interface KeepOptions {
  readonly keep?: string | undefined;
  readonly keepSize?: string | undefined;
}

/** Throws usage. */
export function limitsOf({ keep, keepSize }: KeepOptions): Limits {
  if (keep !== undefined && !/^[1-9]\d{0,8}$/.test(keep))
    throw {
      usage: `--keep ${JSON.stringify(keep)} is no number of applies; the newest is always kept`,
    } satisfies Usage;
  const [, number, unit] = /^(\d{1,9})([KMG]?)$/.exec(keepSize ?? '') ?? [];
  if (keepSize !== undefined && number === undefined)
    throw { usage: `--keep-size ${JSON.stringify(keepSize)} is no size; write it as 256M` } satisfies Usage;
  return {
    applies: keep === undefined ? LIMITS.applies : Number(keep),
    bytes: number === undefined ? LIMITS.bytes : Number(number) * UNITS[(unit ?? '') as keyof typeof UNITS],
  };
}

const UNITS = { '': 1, K: 1 << 10, M: 1 << 20, G: 1 << 30 } as const;

/** Removes old records after a committed apply. A failure is told and does not change the outcome. */
export function keepWithin(limits: Limits, outcome: Outcome, { store, report }: Surroundings): void {
  if (outcome.status !== 'applied') return;
  try {
    prune(store, limits);
  } catch (thrown) {
    const { summary } = failure('older applies cannot be removed from the history', thrown);
    report({ type: 'diagnostic', diagnostic: { severity: 'warning', code: 'RF3015', summary } });
  }
  keepIndex({ store, report });
}

/** Writes the index of applies that other users may read. A failure is told and does not change the outcome. */
export function keepIndex({ store, report }: Pick<Surroundings, 'store' | 'report'>): void {
  try {
    publishIndex(store);
  } catch (thrown) {
    const { summary } = failure('the index of applies cannot be written', thrown);
    report({ type: 'diagnostic', diagnostic: { severity: 'warning', code: 'RF3015', summary } });
  }
}
