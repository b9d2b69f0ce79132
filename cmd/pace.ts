// How eager V8 is to optimise, for a run of a tenth of a second and for a longer one.

import { setFlagsFromString } from 'node:v8';

// Flags have no stable names, and an unknown one is an error on stderr: only for the Node that has these.
const HAS_FLAGS = process.versions.node.startsWith('20.');

/**
 * Optimising what runs for a tenth of a second costs V8 more time than it saves: it begins thirty times later; and what lives
 * so short needs no larger nursery. To be called behind all imports: Node's own modules are there compiled only for a V8 with
 * the flags it started with.
 */
export function runsShort(): void {
  if (HAS_FLAGS) setFlagsFromString('--interrupt-budget=2000000 --semi-space-growth-factor=1');
}

/** As V8 has it by itself. */
export function runsLong(): void {
  if (HAS_FLAGS) setFlagsFromString('--interrupt-budget=67584 --semi-space-growth-factor=2');
}
