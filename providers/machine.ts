// The guard: a spec is for one machine, and another one is left alone. It never edits.

import type { Finding } from '../core/model.ts';
import { provider } from '../core/plan/provider.ts';

export const machine = provider({
  name: 'machine',
  answers: ['/host/name', '/host/system'],
  codes: ['RF2002'],
  desire: ({ host, isRunning }) => ({ ...host, isRunning }),
  observe: async (_desired, { facts }) => facts,
  reconcile(desired, facts) {
    const findings: Finding[] = [];
    const defers: string[] = [];
    const hint = 'run this on the machine that the spec names, or write a spec for this one: reflake init';
    const refuse = (member: 'name' | 'system', because: string): void => {
      const [subject, wish] = [`host.${member}`, `/host/${member}`];
      findings.push({ code: 'RF2002', wish, subject, because, remedy: { by: 'you', hint } });
    };
    // A machine without a name (an image that never booted) can't be told apart by it.
    if (facts.name === '') defers.push('/host/name');
    else if (shortName(facts.name) !== shortName(desired.name))
      refuse('name', `this machine is "${facts.name}", and the spec is for "${desired.name}"`);
    // Under --root the processor that will run it is not the one we run on.
    if (!desired.isRunning) defers.push('/host/system');
    else if (facts.system !== desired.system && !runsOn(facts.system, desired.system))
      refuse('system', `this machine is ${facts.system}, and the spec is for ${desired.system}`);
    return { findings, edits: [], defers };
  },
});

/** `nixos.example.org` and `nixos` are the same machine. */
const shortName = (name: string): string => name.split('.')[0]!.toLowerCase();

/** A 64-bit processor runs the 32-bit system of its family. */
const runsOn = (machine: string, wanted: string): boolean =>
  (machine === 'x86_64-linux' && wanted === 'i686-linux') || (machine === 'aarch64-linux' && wanted === 'armv7l-linux');
