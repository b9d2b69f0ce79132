// Finds the name of the machine and the one in its configuration, and whether they agree; the machine guard compares the same.

import type { HostFacts } from '../model.ts';
import type { Fact } from './fact.ts';

/** `nixos.example.org` and `nixos` are one machine. */
export const firstLabel = (name: string): string => name.split('.')[0]!;

export const isSameName = (one: string, other: string): boolean =>
  firstLabel(one).toLowerCase() === firstLabel(other).toLowerCase();

/** The name that the machine has now; undefined for an image that never booted. */
export function runningName({ name }: Pick<HostFacts, 'name'>): Fact | undefined {
  const label = firstLabel(name);
  if (label === '') return undefined;
  return { value: label, source: label === name ? 'this machine' : `this machine, "${name}"` };
}

/** The name of machine and configuration, if they agree or one is unknown. */
export function nameOf(running: Fact | undefined, configured: Fact | undefined): Fact | undefined {
  if (running === undefined || configured === undefined) return running ?? configured;
  const source = `${running.source} and ${configured.source}`;
  return isSameName(running.value, configured.value) ? { value: running.value, source } : undefined;
}

/** The words for a configuration that was not switched to yet. */
export const notSwitched = (running: Fact, configured: Fact): string =>
  `this machine is called "${running.value}", and ${configured.source} calls it "${configured.value}": it was not switched to that yet`;
