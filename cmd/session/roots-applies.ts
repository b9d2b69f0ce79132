// Tells an ordinary user of the applies that root made on this machine: the rows of the index, and no more.

import type { Diagnostic } from '../../core/diagnostic.ts';
import type { PastApply } from '../../core/event.ts';
import { readIndexOf } from '../../core/host/state-directory.ts';
import { rootsState } from '../../core/host/surroundings.ts';
import { isSaidBySystem } from '../../core/machine/failure.ts';
import type { StateStore } from '../../core/machine/state-store.ts';
import type { AbsPath } from '../../core/path.ts';
import { INDEX, indexIn } from '../../core/transaction/apply-index.ts';
import type { GlobalOptions } from './io.ts';

/** The machine, and the state directory of the running user. */
interface Place {
  readonly root: AbsPath;
  readonly store: Pick<StateStore, 'where'>;
}

export type RootsApplies =
  /** The running user's state directory is that very one, or another one was named. */
  | { readonly status: 'own' }
  | { readonly status: 'closed'; readonly where: string }
  | { readonly status: 'damaged'; readonly problem: Diagnostic }
  | { readonly status: 'known'; readonly where: string; readonly applies: readonly PastApply[] };

export function rootsApplies({ state }: GlobalOptions, { root, store }: Place): RootsApplies {
  const where = rootsState(root);
  if (state !== undefined || store.where === where) return { status: 'own' };
  const bytes = readIndexOf(where, INDEX);
  if (bytes === 'closed') return { status: 'closed', where };
  const applies = bytes === undefined ? [] : indexIn(bytes)?.applies;
  if (applies !== undefined) return { status: 'known', where, applies };
  const summary = `the index of applies in "${where}" is damaged`;
  const hint = 'remove the file; the next command of root that writes makes it anew';
  return { status: 'damaged', problem: { severity: 'error', code: 'RF3012', summary, hint } };
}

/**
 * The id of the machine that the history here was made on, from the index in this state directory, else in root's. Undefined:
 * it is not recorded, or can't be read; then nothing is compared.
 */
export function recordedMachine({ state }: GlobalOptions, { root, store }: Place): string | undefined {
  for (const where of state === undefined ? [store.where, rootsState(root)] : [store.where]) {
    const bytes = unlessRefused(() => readIndexOf(where, INDEX));
    const machine = bytes === undefined || bytes === 'closed' ? undefined : indexIn(bytes)?.machine;
    if (machine !== undefined) return machine;
  }
  return undefined;
}

/** Undefined where the state can't be read; code that needs the state tells the reason. */
function unlessRefused<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (thrown) {
    if (isSaidBySystem(thrown)) return undefined;
    throw thrown;
  }
}

export function hasRootsApplies(options: GlobalOptions, place: Place): boolean {
  const found = rootsApplies(options, place);
  return found.status === 'closed' || (found.status === 'known' && found.applies.length > 0);
}

/** `command`: the command that root would run. */
export const rootsOwn = (command: string): Diagnostic => ({
  severity: 'note',
  code: 'RF3026',
  summary: 'what root applied is for root to show and to undo',
  hint: `run: ${command}`,
});

export const closedHistory = (where: string): Diagnostic => ({
  severity: 'note',
  code: 'RF3026',
  summary: `only root can look into "${where}"`,
  hint: 'run: sudo reflake history; it opens with the next apply of root',
});
