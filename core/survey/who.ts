// Which machine this is, and whether its own word and its configuration's agree: what the machine guard will compare.

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

/**
 * The name to write, and a note where the configuration has another one. The guard compares the running machine, so its name
 * goes first: a spec under the other would be refused until the configuration is switched to.
 */
export function nameOf(
  running: Fact | undefined,
  configured: Fact | undefined,
): { readonly name: Fact | undefined; readonly note?: string } {
  if (running === undefined || configured === undefined) return { name: running ?? shortened(configured) };
  if (isSameName(running.value, configured.value))
    return { name: { value: running.value, source: `${running.source} and ${configured.source}` } };
  return { name: running, note: renamed(running.value, configured) };
}

const shortened = (fact: Fact | undefined): Fact | undefined => fact && { ...fact, value: firstLabel(fact.value) };

export const renamed = (running: string, { value, source }: Fact): string =>
  `this machine is called "${running}", and ${source} calls it "${firstLabel(value)}": it was not switched to that yet. plan and apply refuse a spec for another name than the running one (RF2002, exit 6), so write host.name anew after the switch`;
