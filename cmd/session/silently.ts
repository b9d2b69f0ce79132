// A reporting that prints nothing, for a command that opens a session only to look: what it was told is asked for afterwards.

import type { Diagnostic } from '../../core/diagnostic.ts';
import type { Event } from '../../core/event.ts';
import type { Reporting } from './run.ts';

/** `told`: the problems so far. */
export function silently(): { readonly reporting: Reporting; readonly told: () => readonly Diagnostic[] } {
  const told: Diagnostic[] = [];
  const report = (event: Event): void => {
    if (event.type === 'diagnostics') told.push(...event.diagnostics);
    else if (event.type === 'diagnostic') told.push(event.diagnostic);
  };
  return { reporting: { report, learn: () => {} }, told: () => told };
}
