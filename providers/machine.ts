// The guard: a spec is for one machine, and another one is left alone. It never edits.

import type { Diagnostic } from '../core/diagnostic.ts';
import { provider } from '../core/provider.ts';

export const machine = provider({
  name: 'machine',
  desire: ({ host, isRunning }) => ({ ...host, isRunning }),
  observe: async (_desired, { facts }) => facts,
  reconcile(desired, facts) {
    const diagnostics: Diagnostic[] = [];
    const hint = 'run this on the machine that the spec names, or write a spec for this one: reflake init';
    // A machine without a name (an image that never booted) can't be told apart by it.
    if (facts.name !== '' && shortName(facts.name) !== shortName(desired.name)) {
      const summary = `this machine is "${facts.name}", and the spec is for "${desired.name}"`;
      diagnostics.push({ severity: 'error', code: 'RF2002', summary, hint, pointer: '/host/name' });
    }
    // Under --root the processor that will run it is not the one we run on.
    if (desired.isRunning && facts.system !== desired.system && !runsOn(facts.system, desired.system)) {
      const summary = `this machine is ${facts.system}, and the spec is for ${desired.system}`;
      diagnostics.push({ severity: 'error', code: 'RF2002', summary, hint, pointer: '/host/system' });
    }
    return { changes: [], edits: [], diagnostics };
  },
});

/** `nixos.example.org` and `nixos` are the same machine. */
const shortName = (name: string): string => name.split('.')[0]!.toLowerCase();

/** A 64-bit processor runs the 32-bit system of its family. */
const runsOn = (machine: string, wanted: string): boolean =>
  (machine === 'x86_64-linux' && wanted === 'i686-linux') || (machine === 'aarch64-linux' && wanted === 'armv7l-linux');
