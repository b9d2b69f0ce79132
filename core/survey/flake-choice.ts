// Chooses the flake for the spec of a machine: the one around the working directory, the one behind /etc/nixos, or one in the
// home. If the choice is not certain, it lists the candidates.

import { type Reader, unlessUnreadable } from '../machine/reader.ts';
import { type AbsPath, join } from '../path.ts';
import { hostsOf } from './adopt.ts';
import { type HostChoice, hostOfMachine } from './choose.ts';
import { type FlakeAt, type FoundFlake, PLACE } from './flakes.ts';
import type { Survey } from './survey.ts';

export interface Candidate {
  readonly flake: FoundFlake;
  readonly host: HostChoice;
  /** The place of the search, in words. */
  readonly why: string;
}

export type FlakeChoice =
  | { readonly kind: 'adopt'; readonly candidate: Candidate; readonly others: readonly Candidate[] }
  /** The user has to name one of them. */
  | { readonly kind: 'open'; readonly candidates: readonly Candidate[] }
  /** There is a flake at the configuration's place, and it can't be read. */
  | { readonly kind: 'broken'; readonly place: AbsPath; readonly problem: string }
  /** `others`: flakes for other machines. */
  | { readonly kind: 'none'; readonly others: readonly Candidate[] };

/** `named`: the flake at a place that was given. `wanted`: a host name that was given. */
export function chooseFlake(found: Survey, named: FlakeAt, wanted: string | undefined, reader: Reader): FlakeChoice {
  const candidate = (flake: FoundFlake, why: string): Candidate => ({
    flake,
    host: unlessUnreadable(() => hostOfMachine(hostsOf(flake, reader), wanted, found.running?.value)) ?? UNREADABLE,
    why,
  });
  const { installed, around, inHome } = found;
  const broken = [named, installed].find((one) => one !== undefined && 'problem' in one);
  if (named !== undefined && 'open' in named) return adopt(candidate(named, '--path'), []);
  if (broken !== undefined && 'problem' in broken && (named !== undefined || around === undefined))
    return { kind: 'broken', ...broken };
  const here = around && candidate(around, 'the working directory');
  const there = installed !== undefined && 'open' in installed ? candidate(installed, PLACE) : undefined;
  const home = inHome.map((flake) => candidate(flake, 'the home'));
  const all = [here, there, ...home].filter((one) => one !== undefined).filter(isFirst);
  const rest = (one: Candidate): readonly Candidate[] => all.filter((other) => other !== one && isIts(other));
  const own = here !== undefined && here.host.kind === 'one' ? here : there;
  if (own !== undefined) return adopt(own, rest(own));
  const sure = home.filter(isIts);
  if (sure.length > 1) return { kind: 'open', candidates: sure };
  const [only = here] = sure;
  if (only !== undefined) return adopt(only, []);
  // No flake names this machine. If there is a channel configuration, they are taken for flakes of other machines.
  if (hasConfiguration(found, reader) || home.length === 0) return { kind: 'none', others: home };
  return home.length === 1 ? adopt(home[0]!, []) : { kind: 'open', candidates: home };
}

const adopt = (candidate: Candidate, others: readonly Candidate[]): FlakeChoice => ({
  kind: 'adopt',
  candidate,
  others,
});

const isIts = ({ host }: Candidate): boolean => host.kind === 'one' && host.isSure;

const isFirst = (one: Candidate, at: number, all: readonly Candidate[]): boolean =>
  all.findIndex(({ flake }) => flake.dir === one.flake.dir) === at;

const UNREADABLE: HostChoice = { kind: 'open', candidates: [], why: 'its modules cannot be read' };

const hasConfiguration = ({ from }: Survey, reader: Reader): boolean =>
  from !== undefined && unlessUnreadable(() => reader.stat(join(from, './configuration.nix')).type) === 'file';
