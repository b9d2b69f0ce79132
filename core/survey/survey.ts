// Looks at a machine that has no spec yet: its name, system, nixpkgs, people, the place of its configuration, and its flakes.
// For `reflake init`; only reads.

import { follow } from '../machine/follow-links.ts';
import { people } from '../machine/people.ts';
import { type Reader, unlessUnreadable } from '../machine/reader.ts';
import type { Person } from '../model.ts';
import { type AbsPath, absolute, join } from '../path.ts';
import type { Fact } from './fact.ts';
import { type FlakeAt, type FoundFlake, flakeAround, flakeAt, flakesInHome, PLACE } from './flakes.ts';
import { type ModulesSay, whatModulesSay } from './modules.ts';
import { type Nixpkgs, nixpkgsNamed, nixpkgsOf } from './nixpkgs.ts';
import { firstLabel, runningName } from './who.ts';

/** A fact is undefined where it could not be found. */
export interface Survey {
  /** The name that the machine has now. */
  readonly running: Fact | undefined;
  /** The name in its channel configuration. */
  readonly configured: Fact | undefined;
  readonly system: Fact;
  readonly nixpkgs: Nixpkgs | undefined;
  readonly user: Fact | undefined;
  /** The real path of the configuration, with /etc/nixos followed. */
  readonly from: AbsPath | undefined;
  /** Uncertain facts, and contradictions. */
  readonly notes: readonly string[];
  /** The flake behind /etc/nixos. */
  readonly installed: FlakeAt;
  readonly around: FoundFlake | undefined;
  readonly inHome: readonly FoundFlake[];
}

/** `caller`: preferred among several users. Searches the home of the owner found. `cwd`: their directory on this machine. */
export function survey(reader: Reader, caller: Person, cwd: AbsPath | undefined, isRunning: boolean): Survey {
  const from = configurationAt(reader);
  const said =
    from === undefined ? undefined : unlessUnreadable(() => whatModulesSay(from, ['configuration.nix'], reader));
  const running = runningName(reader.facts);
  const configured = said?.hostName && { ...said.hostName, value: firstLabel(said.hostName.value) };
  const nixpkgs = nixpkgsOf(reader);
  const user = userOf(reader, caller, said);
  const home = homeOf(reader, user?.value ?? caller.name) ?? caller.home;
  const old = said?.stateVersion;
  const around = cwd && flakeAround(cwd, reader, home);
  const sorted = (flakes: readonly FoundFlake[]) =>
    isRunning ? byOwner(flakes, caller, reader) : { ours: flakes, others: [] };
  const here = sorted(around === undefined ? [] : [around]);
  const there = sorted(home === '/' ? [] : flakesInHome(absolute(home), reader));
  return {
    running,
    configured,
    system: said?.system ?? { value: reader.facts.system, source: 'this processor' },
    nixpkgs:
      nixpkgs.found ??
      (old && nixpkgsNamed(old.value, `system.stateVersion of ${old.source}, for want of anything better`)),
    user,
    from,
    notes: [...nixpkgs.notes, ...notesOn(from, said), ...[...here.others, ...there.others].map(ofOthers)],
    installed: unlessUnreadable(() => flakeAt(PLACE, reader, home)),
    around: here.ours[0],
    inHome: there.ours,
  };
}

/**
 * What somebody else put there is not the caller's word: root takes up root's flakes, everybody else their own and root's. Behind
 * /etc/nixos it is root's link that says whose counts.
 */
function byOwner(
  flakes: readonly FoundFlake[],
  caller: Person,
  reader: Reader,
): { readonly ours: readonly FoundFlake[]; readonly others: readonly FoundFlake[] } {
  const isOurs = ({ dir }: FoundFlake): boolean =>
    [dir, join(dir, './flake.nix')].every((path) => {
      const entry = follow(reader, path).entry;
      return 'owner' in entry && (entry.owner.uid === 0 || entry.owner.uid === caller.uid);
    });
  return { ours: flakes.filter(isOurs), others: flakes.filter((one) => !isOurs(one)) };
}

const ofOthers = ({ dir }: FoundFlake): string =>
  `there is a flake in "${dir}", which is somebody else's: if it is this machine's, name it with --path`;

function configurationAt(reader: Reader): AbsPath | undefined {
  const { path, entry } = unlessUnreadable(() => follow(reader, PLACE)) ?? {};
  return entry?.type === 'dir' ? path : undefined;
}

/** The caller, else the user that the configuration declares, else the first ordinary one. */
function userOf(reader: Reader, caller: Person, said: ModulesSay | undefined): Fact | undefined {
  const ordinary = people(reader)
    .users.filter(({ uid, shell }) => uid >= 1000 && uid < 60_000 && !/nologin|false$/.test(shell))
    .map(({ name }) => name);
  const declared = ordinary.filter((name) => said?.users.includes(name));
  if (ordinary.includes(caller.name))
    return { value: caller.name, source: declared.includes(caller.name) ? 'you, and the configuration' : 'you' };
  const [first] = [...declared, ...ordinary];
  return first === undefined
    ? undefined
    : { value: first, source: declared.includes(first) ? 'the configuration' : '/etc/passwd' };
}

export const homeOf = (reader: Reader, name: string): string | undefined => people(reader).user(name)?.home;

function notesOn(from: AbsPath | undefined, said: ModulesSay | undefined): readonly string[] {
  if (from === undefined) return [`there is no configuration at ${PLACE}`];
  return said === undefined ? [`${join(from, './configuration.nix')} cannot be read`] : [];
}
