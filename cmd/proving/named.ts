// The world that a word of the command line names: a git revision, `.`, the channel, a flake reference, a generation, a store path,
// or the system that runs or was booted.

import type { Host } from '../../core/machine/host.ts';
import { activeSystem, unlessUnreadable } from '../../core/machine/reader.ts';
import { absolute } from '../../core/path.ts';
import type { World } from '../../core/proof/world.ts';
import { type Configured, channelWorld, revisionWorld, treeWorld } from '../../core/proof/worlds.ts';

/** The word for the channel; an option, so that it reads like one. */
export const CHANNEL = '--channel';

/** What a word names. A number of a generation that is there is that generation, and else may begin the name of a commit. */
export async function worldNamed(word: string, configured: Configured, host: Host, isRunning: boolean): Promise<World> {
  const { attribute } = configured;
  const elsewhere = (why: string): World => ({ kind: 'closed', label: word, why, hint: 'name another system' });
  if (word === CHANNEL)
    return isRunning
      ? channelWorld(host)
      : elsewhere('the channel of another machine (--root) cannot be evaluated here');
  if (word === '.') return treeWorld(configured);
  if (word === 'running' || word === 'booted' || word.startsWith('/nix/store/') || isGeneration(word, host)) {
    const system = isRunning ? systemNamed(word, host) : undefined;
    return system === undefined
      ? elsewhere(isRunning ? 'there is no such system' : 'systems of another machine (--root) are not in this store')
      : { kind: 'built', label: word, system };
  }
  if (/^[A-Za-z][\w+.-]*:/.test(word))
    return { kind: 'reference', label: `${word}#${attribute}`, reference: word, attribute };
  return await revisionWorld(word, configured);
}

const generation = (word: string) => absolute(`/nix/var/nix/profiles/system-${word}-link`);

const isGeneration = (word: string, host: Host): boolean =>
  /^\d+$/.test(word) && unlessUnreadable(() => host.stat(generation(word)).type) === 'link';

/** Its store path. */
function systemNamed(word: string, host: Host): string | undefined {
  const link = (path: string): string | undefined => {
    const entry = unlessUnreadable(() => host.stat(absolute(path)));
    return entry?.type === 'link' ? entry.target : undefined;
  };
  const target =
    word === 'running'
      ? activeSystem(host).running
      : word === 'booted'
        ? link('/run/booted-system')
        : /^\d+$/.test(word)
          ? link(generation(word))
          : word;
  return /^\/nix\/store\/[0-9a-z]{32}-[^/]+/.exec(target ?? '')?.[0];
}
