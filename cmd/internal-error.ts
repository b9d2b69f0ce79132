// What is said of a bug of ours that ends a command.

import { callsOf } from '../core/failure.ts';

/** `then`: what became of what was begun. */
export function internalErrorScreen(thrown: unknown, then: string): string {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return `internal error: ${error.message}\n${callsOf(error)}\nThis is a bug of reflake. ${then}\n`;
}
