// What an ordinary user may know of the applies that root made on this machine: the rows of the index, and no more.

import type { Diagnostic } from '../../core/diagnostic.ts';
import type { PastApply } from '../../core/event.ts';
import { readIndexOf } from '../../core/host/state-directory.ts';
import { rootsState } from '../../core/host/surroundings.ts';
import { INDEX, indexIn } from '../../core/transaction/apply-index.ts';
import type { GlobalOptions } from './io.ts';
import type { Place } from './session.ts';

export type RootsApplies =
  /** Whoever runs this works with that very state directory, or names another one. */
  | { readonly status: 'own' }
  | { readonly status: 'closed'; readonly where: string }
  | { readonly status: 'damaged'; readonly problem: Diagnostic }
  | { readonly status: 'known'; readonly where: string; readonly applies: readonly PastApply[] };

export function rootsApplies({ state }: GlobalOptions, { root, store }: Place): RootsApplies {
  const where = rootsState(root);
  if (state !== undefined || store.where === where) return { status: 'own' };
  const bytes = readIndexOf(where, INDEX);
  if (bytes === 'closed') return { status: 'closed', where };
  const applies = bytes === undefined ? [] : indexIn(bytes);
  if (applies !== undefined) return { status: 'known', where, applies };
  const summary = `the index of applies in "${where}" is damaged`;
  const hint = 'remove the file; the next command of root that writes makes it anew';
  return { status: 'damaged', problem: { severity: 'error', code: 'RF3012', summary, hint } };
}

export function hasRootsApplies(options: GlobalOptions, place: Place): boolean {
  const found = rootsApplies(options, place);
  return found.status === 'closed' || (found.status === 'known' && found.applies.length > 0);
}

/** `command`: what shows, or does, what only root may. */
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
