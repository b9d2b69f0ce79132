// The text for a bug of reflake that ends a command.

import { callsOf, isError } from '../../core/machine/failure.ts';
import { escapeLine } from '../report/escape.ts';

/** `then`: the state of an apply that had begun. */
export function internalErrorScreen(thrown: unknown, then: string): string {
  const error = isError(thrown) ? thrown : new Error(String(thrown));
  return `internal error: ${escapeLine(error.message)}\n${callsOf(error)}\nThis is a bug of reflake. ${then}\n`;
}
