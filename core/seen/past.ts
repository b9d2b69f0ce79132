// The applies that a difference is compared with: what the records of a state directory say, without the bytes that they keep.

import type { PastApply } from '../event.ts';
import { failure } from '../machine/failure.ts';
import type { StateStore } from '../machine/state-store.ts';
import { undoneBy } from '../transaction/apply-index.ts';
import { applies } from '../transaction/executor.ts';
import { loadWithoutBytes } from '../transaction/journal.ts';
import type { Transaction } from '../transaction/model.ts';

/** An apply that was not undone. */
export interface Standing extends Pick<PastApply, 'number' | 'finishedAt' | 'by'> {
  readonly transaction: Pick<Transaction, 'wishes' | 'batches'>;
}

/** `unknown`: why what is here is not all of the past; a clause. The oldest is first. */
export interface Past {
  readonly applies: readonly Standing[];
  readonly unknown?: string;
}

/** `elsewhere`: applies of root that only root can look into. */
export function standingIn(store: StateStore, elsewhere: string | undefined): Past {
  const numbers = applies(store);
  const read = numbers.flatMap((number) => {
    const transaction = readRecord(store, number);
    if (transaction === undefined) return [];
    const finishedAt = Buffer.from(store.read(`history/${number}/finished`) ?? []).toString();
    return [{ number, finishedAt, by: transaction.by, undoes: transaction.undoes, transaction }];
  });
  const undone = undoneBy(read);
  const first = numbers[0] ?? 1;
  const unknown =
    elsewhere ??
    (read.length < numbers.length
      ? 'a record of the history is damaged'
      : first > 1
        ? `applies before ${first} were removed from the history`
        : undefined);
  return {
    applies: read.filter(({ number, transaction }) => transaction.kind === 'apply' && !undone.has(number)),
    ...(unknown !== undefined && { unknown }),
  };
}

function readRecord(store: StateStore, number: number): Transaction | undefined {
  try {
    const loaded = loadWithoutBytes(store, `history/${number}`);
    return loaded.status === 'loaded' ? loaded.transaction : undefined;
  } catch (thrown) {
    // `history` tells the reason; `failure` throws what is no Error at all.
    failure('a record cannot be read', thrown);
    return undefined;
  }
}
