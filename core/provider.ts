// What a provider is: its share of the wishes, a look at the machine, and the difference. It can't write.

import type { Blobs, Reader } from './host/host.ts';
import type { Step } from './model.ts';
import type { Wishes } from './wishes.ts';

/** `blobs` may be left out where no edit names a content. */
export type Difference = Omit<Step, 'provider' | 'blobs'> & { readonly blobs?: Blobs };

export interface Provider<Desired, Observed> {
  /** Also the word for `--only` and `--skip`. */
  readonly name: string;
  /** Pure: its share of the wishes; undefined where there is none. */
  desire(wishes: Wishes): Desired | undefined;
  /** Looks, and only where desired points. The reader already shows what earlier providers will do. */
  observe(desired: Desired, reader: Reader): Promise<Observed>;
  /** Pure. No difference: no change and no edit. */
  reconcile(desired: Desired, observed: Observed): Difference;
}

/** A provider with its types closed over, so that a list can hold many kinds. */
export interface AnyProvider {
  readonly name: string;
  /** undefined: nothing is wished of it. */
  look(wishes: Wishes, reader: Reader): Promise<Difference | undefined>;
}

export function provider<Desired, Observed>({
  name,
  desire,
  observe,
  reconcile,
}: Provider<Desired, Observed>): AnyProvider {
  return {
    name,
    async look(wishes, reader) {
      const desired = desire(wishes);
      return desired === undefined ? undefined : reconcile(desired, await observe(desired, reader));
    },
  };
}

export const NO_DIFFERENCE: Difference = { changes: [], edits: [], diagnostics: [] };
