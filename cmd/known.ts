// What completion learns from the machine: names of hosts, numbers of past applies, users. It only looks, as every command does, and
// says nothing where it may not or can't: a shell is no place for problems.

import { callerOf } from '../core/host/process/caller.ts';
import { people } from '../core/machine/people.ts';
import { unlessUnreadable } from '../core/machine/reader.ts';
import { absolute, ROOT, rebase } from '../core/path.ts';
import { hostsOf } from '../core/survey/adopt.ts';
import { survey } from '../core/survey/survey.ts';
import { past } from '../core/transaction/history.ts';
import { published } from './commands/history.ts';
import type { Candidate, Known } from './complete.ts';
import type { GlobalOptions, Io } from './session/io.ts';
import { lookWithoutSpec } from './session/looker.ts';
import { rootsApplies } from './session/roots-applies.ts';
import { type Place, placeOf } from './session/session.ts';

/** `options`: as far as they are typed. */
export function knownHere(options: GlobalOptions, io: Io): Known {
  const look = async (see: (place: Place) => readonly Candidate[]): Promise<readonly Candidate[]> => {
    try {
      const place = await placeOf(options, io);
      if ('lookAs' in place.host) lookWithoutSpec(place.host, callerOf(io.env));
      return (unlessUnreadable(() => see(place)) ?? []).filter(([word]) => PLAIN.test(word));
    } catch {
      // No such --root, a state directory of somebody else's, a disk that fails: the command itself will say it.
      return [];
    }
  };
  return {
    hosts: () =>
      look(({ host, root }) => {
        const cwd = rebase(absolute(io.cwd), root, ROOT);
        const { installed, around, inHome } = survey(host, callerOf(io.env), cwd, root === ROOT);
        const flakes = [around, installed, ...inHome].flatMap((one) =>
          one !== undefined && 'open' in one ? [one] : [],
        );
        return flakes.flatMap((flake) => hostsOf(flake, host).hosts.map(({ attribute }) => [attribute, flake.place]));
      }),
    applies: () =>
      look((place) => {
        const own = past(place.store);
        const roots = rootsApplies(options, place);
        const all =
          own.ok && own.applies.length > 0 ? own.applies.map(published) : roots.status === 'known' ? roots.applies : [];
        return all
          .toReversed()
          .map(({ number, kind, finishedAt, by }) => [String(number), `${kind} of ${finishedAt} by ${by}`]);
      }),
    users: () =>
      look(({ host }) =>
        people(host)
          .users.filter(({ uid }) => uid === 0 || (uid >= 1000 && uid < 60_000))
          .map(({ name }) => [name, '']),
      ),
  };
}

/** A name that a shell takes for itself: nobody's flake is to write a command into somebody's line. */
const PLAIN = /^[\w.@+:-]+$/;
