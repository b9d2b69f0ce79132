// Resolves a spec against the machine: users become numbers, `~` a home, defaults values.
// Providers get the result, so that none of them looks a name up again.

import type { LockWish } from '../../schemas/spec.gen.ts';
import type { Diagnostic, JsonPointer } from '../diagnostic.ts';
import { BUILT_IN, type SupportTable } from '../formats/end-of-support.ts';
import type { LockPolicy } from '../formats/lock/policy.ts';
import { isId, MOST } from '../limits.ts';
import { follow, type Stray, settle, strayed } from '../machine/follow-links.ts';
import { type People, people } from '../machine/people.ts';
import { isUnreadable, type Reader } from '../machine/reader.ts';
import { strayLink } from '../machine/stray-links.ts';
import type { ActivationMode, Owner, Party, Person } from '../model.ts';
import { type AbsPath, absolute, depth, isPossible, ROOT } from '../path.ts';
import { alone, type Hosts, type HostView, type Spec } from './hosts-over-defaults.ts';
import { type FollowingInput, followingInputsOf, type InputWishes, inputsOf } from './inputs.ts';

export interface Wishes {
  /** The spec of this machine's host. */
  readonly spec: Spec;
  readonly host: Required<Spec['host']>;
  /** The name of this machine's host among several; undefined: the spec is about one, or no machine is looked at. */
  readonly key?: string;
  /** All hosts of the repository, this machine's among them. */
  readonly hosts: readonly HostView[];
  /** Attributes that flake.nix is to have no more. */
  readonly gone: readonly string[];
  /** False: only wishes of the repository are looked at. */
  readonly isMachine: boolean;
  /** The directory of the configuration. */
  readonly dir: AbsPath;
  readonly from?: AbsPath;
  readonly owner?: Owner;
  /** The present and the future owner of the tree: the transaction may write in their directories, as they could themselves. */
  readonly parties: readonly Party[];
  /** The user that programs run as: the owner of the configuration, else the caller. */
  readonly person: Person;
  /** Undefined: not said, and so not reconciled. */
  readonly modules?: readonly string[];
  readonly inputs: readonly InputWishes[];
  readonly follows: readonly FollowingInput[];
  readonly features?: readonly string[];
  readonly lock: LockPolicy;
  /** When releases of NixOS end. */
  readonly ends: SupportTable;
  readonly git: boolean;
  readonly activate?: ActivationMode;
  readonly retiresChannels: boolean;
  /** /etc/nixos/flake.nix leads to the flake. */
  readonly keepsLink: boolean;
  /** NIX_PATH of the session; undefined: there is none, or it is not the machine's. */
  readonly nixPath?: string;
  readonly proof: Required<Spec>['proof'];
  /** Wishes that are acknowledged not to hold, by `keyOf`: nobody edits for them. */
  readonly leftAlone: ReadonlySet<JsonPointer>;
  readonly offline: boolean;
  /** The id of the machine that the history here was made on; undefined: none is recorded. */
  readonly recorded?: string;
  readonly allow: Allowed;
  /** Seconds since 1970; only lock.maxAge looks at it. */
  readonly now: number;
  /** True if the machine is the one we run on, and not a directory (--root). */
  readonly isRunning: boolean;
  readonly people: People;
}

/** Actions that need an option on the command line. */
export interface Allowed {
  readonly downgrade: boolean;
  readonly rename: boolean;
}

/** Facts of a run that are not in the spec. */
export interface Run {
  /** The hosts that share the repository. Default: the one of the spec. */
  readonly hosts?: Hosts;
  /** The name of the spec's host among them. */
  readonly key?: string | undefined;
  /** False: only wishes of the repository are looked at. Default: true. */
  readonly isMachine?: boolean;
  readonly recorded?: string | undefined;
  readonly allow: Allowed;
  readonly caller: Person;
  /** The user that programs run as. */
  readonly person: Person;
  readonly offline: boolean;
  readonly now: number;
  readonly isRunning: boolean;
  /** NIX_PATH of whoever runs this on the machine. */
  readonly nixPath?: string | undefined;
  /** When releases of NixOS end. Default: the dates that are built in. */
  readonly ends?: SupportTable;
}

export type Resolved =
  | { readonly ok: true; readonly wishes: Wishes; readonly diagnostics: readonly Diagnostic[] }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** The directory that installers use. */
const DEFAULT_DIR = '/etc/nixos';

export function resolve(spec: Spec, reader: Reader, run: Run): Resolved {
  const names = people(reader);
  const problems: Diagnostic[] = [];
  const [userName, groupName] = (spec.config?.owner ?? '').split(':', 2);
  const user = ownerOf(spec, names);
  if (userName && user === undefined) problems.push(unknown('user', userName, names));
  const gid = groupName ? names.groupId(groupName) : user?.gid;
  if (groupName && gid === undefined) problems.push(unknown('group', groupName, names));
  const { person, isMachine = true } = run;
  const { views, gone } = run.hosts ?? alone(spec);
  const homeless = [user ?? run.caller, person].find(({ home }) => !isHome(home));
  if (homeless !== undefined) return { ok: false, diagnostics: [...problems, oddHome(homeless)] };
  const named = placesIn(spec, user, run.caller);
  const place = canonical(named.dir, reader);
  const dir = place.path;
  const left = named.from === undefined ? undefined : quietly(named.from, (at) => settle(reader, at));
  const from = left?.path;
  if (place.stray) problems.push({ ...strayLink(place.stray, names), pointer: '/config/path' });
  if (left?.stray) problems.push({ ...strayLink(left.stray, names), pointer: '/config/from' });
  if (problems.length > 0) return { ok: false, diagnostics: problems };
  return {
    ok: true,
    diagnostics: [],
    wishes: {
      spec,
      host: { ...spec.host, attribute: attributeOf(spec) },
      ...(isMachine && run.key !== undefined && { key: run.key }),
      hosts: views,
      gone,
      isMachine,
      ...(run.recorded && { recorded: run.recorded }),
      allow: run.allow,
      dir,
      ...(from !== undefined && from !== dir && { from }),
      ...(user !== undefined && gid !== undefined && { owner: { uid: user.uid, gid } }),
      parties: partiesOf([dir, from], [user?.uid, run.isRunning ? person.uid : undefined], names, reader),
      person,
      ...(spec.config?.modules && { modules: spec.config.modules }),
      inputs: inputsOf(spec),
      follows: followingInputsOf(spec),
      ...(spec.features && { features: spec.features }),
      lock: lockPolicyOf(spec.lock ?? {}),
      ends: run.ends ?? BUILT_IN,
      git: spec.git === 'track',
      keepsLink: spec.config?.link === true,
      retiresChannels: spec.channels === 'retire',
      ...(run.nixPath !== undefined && { nixPath: run.nixPath }),
      ...(spec.activate !== undefined && spec.activate !== 'none' && { activate: spec.activate }),
      proof: spec.proof ?? 'offered',
      leftAlone: new Set(),
      offline: run.offline,
      now: run.now,
      isRunning: run.isRunning,
      people: names,
    },
  };
}

/** Its name in nixosConfigurations. */
export const attributeOf = ({ host }: Spec): string => host.attribute ?? host.name;

/** The owner that the spec wishes; undefined: none, or a user that this machine does not know. */
export function ownerOf(spec: Spec, names: People): Person | undefined {
  const [user, group] = (spec.config?.owner ?? '').split(':', 2);
  // A number need not have a name; then its group has to be said too.
  return user ? (names.user(user) ?? nameless(user, group, names)) : undefined;
}

/** The places that the spec names, before any link is followed. `owner`: as `ownerOf` has it. */
export function placesIn(
  spec: Spec,
  owner: Person | undefined,
  caller: Person,
): { readonly dir: AbsPath; readonly from?: AbsPath } {
  const { home } = owner ?? caller;
  const dir = placeOf(spec.config?.path ?? DEFAULT_DIR, home);
  const from = spec.config?.from;
  return from === undefined ? { dir } : { dir, from: placeOf(from, home) };
}

interface Placed {
  readonly path: AbsPath;
  readonly stray?: Stray;
}

/** The real path of a directory, with links followed: so each file has one path for all providers. */
function canonical(path: AbsPath, reader: Reader): Placed {
  return quietly(path, (at) => {
    const found = follow(reader, at);
    const stray = strayed(reader, found);
    if (stray !== undefined) return { path: at, stray };
    const isLink = reader.stat(at).type === 'link';
    if (isLink ? found.entry.type === 'dir' : found.by !== undefined) return { path: found.path };
    return { path: at };
  });
}

/** The path unresolved where a look fails; the provider that looks there reports it. */
function quietly(path: AbsPath, look: (path: AbsPath) => Placed): Placed {
  try {
    return look(path);
  } catch (thrown) {
    if (isUnreadable(thrown)) return { path };
    throw thrown;
  }
}

/** True if the home in passwd is a possible path; any other is refused. */
const isHome = (home: string): boolean =>
  home.startsWith('/') && isPossible(home) && depth(absolute(home)) <= MOST.pathNames;
/** The present owners of `places`, and `uids`, with the groups that the machine knows of. */
function partiesOf(
  places: readonly (AbsPath | undefined)[],
  uids: readonly (number | undefined)[],
  names: People,
  reader: Reader,
): readonly Party[] {
  const present = places.map((path) => {
    let owner: number | undefined;
    if (path === undefined) return owner;
    quietly(path, (at) => {
      const entry = reader.stat(at);
      owner = 'owner' in entry ? entry.owner.uid : undefined;
      return { path: at };
    });
    return owner;
  });
  const all = new Set([...uids, ...present]);
  return [...all]
    .filter((uid) => uid !== undefined && uid !== 0)
    .map((uid) => ({ uid: uid!, gids: names.groupsOf(uid!) }));
}

/** The schema lets only absolute paths and `~/…` through. */
const placeOf = (path: string, home: string): AbsPath =>
  absolute(path.startsWith('~') ? `${isHome(home) ? home : ROOT}/${path.slice(1)}` : path);

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, y: 31_536_000 };

function lockPolicyOf({ maxAge, conditions, ...rules }: LockWish): LockPolicy {
  return {
    ...rules,
    ...(maxAge !== undefined && { maxAgeSeconds: secondsOf(maxAge) }),
    ...(conditions && {
      conditions: conditions.map(({ maxAge: age, ...one }) => ({
        ...one,
        ...(age !== undefined && { maxAgeSeconds: secondsOf(age) }),
      })),
    }),
  };
}

const secondsOf = (age: string): number => Number(age.slice(0, -1)) * (SECONDS[age.slice(-1)] ?? 1);

function unknown(what: 'user' | 'group', name: string, { users, oddLine }: People): Diagnostic {
  const odd = oddLine(what, name);
  if (odd !== undefined) {
    const { file, line, why } = odd;
    return {
      severity: 'error',
      code: 'RF2001',
      summary: `the ${what} "${name}" cannot be used: ${file}:${line}: ${why}`,
      hint: `mend that line, or name another ${what}`,
      pointer: '/config/owner',
    };
  }
  const ordinary = users.filter(({ uid }) => uid >= 1000 && uid < 60_000).map((user) => user.name);
  const summary = `no ${what} "${name}" on this machine`;
  const hint = ordinary.length > 0 ? `use one of: ${ordinary.join(', ')}` : `add the ${what} first`;
  return { severity: 'error', code: 'RF2001', summary, hint, pointer: '/config/owner' };
}

const oddHome = ({ name, home }: Person): Diagnostic => ({
  severity: 'error',
  code: 'RF2001',
  summary: `the home of "${name}" is ${JSON.stringify(home.slice(0, 60))} by /etc/passwd, and no directory can have such a path`,
  hint: 'mend that line: a home is an absolute path',
});

function nameless(uid: string, group: string | undefined, names: People): Person | undefined {
  const gid = group === undefined ? undefined : names.groupId(group);
  return isId(uid) && gid !== undefined ? { name: uid, uid: Number(uid), gid, home: '/' } : undefined;
}
