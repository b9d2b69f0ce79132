// Chooses the user with whose rights root looks: the present owner of the configuration; before the move the owner that the
// spec wishes; else the caller.

import type { BorderedHost } from '../../core/host/border/bordered.ts';
import { follow } from '../../core/machine/follow-links.ts';
import { type People, people } from '../../core/machine/people.ts';
import { isUnreadable } from '../../core/machine/reader.ts';
import type { Owner, Person } from '../../core/model.ts';
import { type AbsPath, absolute, join } from '../../core/path.ts';
import type { Spec } from '../../core/spec/hosts-over-defaults.ts';
import { ownerOf, placesIn } from '../../core/spec/resolve.ts';
import { PLACE } from '../../core/survey/flakes.ts';

/**
 * Sets that user on the host, and returns the user that programs run as. Under --root that is the caller, since users of the
 * other machine are none here; but not root where the tree is another user's, or Nix would read a `path:` input as root.
 */
export function chooseLooker(host: BorderedHost, spec: Spec, caller: Person, isRunning: boolean): Person {
  const names = people(host);
  const owner = ownerOf(spec, names);
  const { dir, from } = placesIn(spec, owner, caller);
  const places = from === undefined ? [dir] : [dir, from];
  host.grant(places);
  // Root's Nix and git read root's own settings.
  if (owner?.uid === 0) host.grant([join(absolute(names.user(0)?.home ?? '/root'), '.config')]);
  const holders = places.map((place) => host.holder(place));
  const known = holders.filter((uid) => uid !== undefined).map((uid) => personOf({ uid, gid: uid }, names));
  const candidates = [owner, ...known, caller];
  const first = candidates.find((one) => one !== undefined && one.uid !== 0);
  host.lookAs(first && idsOf(first, isRunning));
  const present = presentOwner(host, dir);
  const person = present === undefined || present.uid === first?.uid ? first : personOf(present, names);
  host.lookAs(person && idsOf(person, isRunning));
  const isRoots = (owner === undefined || owner.uid === 0) && holders[0] === undefined && present === undefined;
  if (isRunning && isRoots) host.computeAs(nobody(names));
  if (isRunning || caller.uid === 0) return person === undefined ? caller : idsOf(person, isRunning);
  return caller;
}

/**
 * The same where there is no spec: sets and returns the person whose home is searched, with their rights. The caller; for root
 * itself, the owner of the configuration, or the first ordinary user.
 */
export function lookWithoutSpec(host: BorderedHost, caller: Person): Person {
  host.grant([PLACE, absolute('/root/.local/state/nix')]);
  host.lookAs(caller);
  if (caller.uid !== 0) return caller;
  const names = people(host);
  const holder = host.holder(follow(host, PLACE).path);
  const ordinary = names.users.find(({ uid }) => uid >= 1000 && uid < 60_000)?.uid;
  const person = names.user(holder ?? ordinary ?? 0);
  if (person === undefined || person.uid === 0) return caller;
  // A user of another machine has no name here.
  host.lookAs({ ...person, name: String(person.uid) });
  return person;
}

/** The same for a checkout, before it is known which directory that is: the caller; for root itself, who holds the directory. */
export function lookAround(host: BorderedHost, dir: AbsPath, caller: Person): void {
  const holder = host.holder(dir);
  const person =
    caller.uid !== 0 || holder === undefined ? caller : personOf({ uid: holder, gid: holder }, people(host));
  if (person.uid !== 0) host.lookAs(person);
}

/**
 * The user `nobody`, for programs on a configuration that stays root's. The caller must not be able to change their output, and
 * root must not read with its rights the paths that inputs name.
 */
const nobody = (names: People): Person =>
  names.user(NOBODY) ?? { name: String(NOBODY), uid: NOBODY, gid: NOBODY, home: '/var/empty' };

/** The uid of `nobody`, the same on every Linux. */
const NOBODY = 65534;

/** Undefined: the directory is root's, or absent, or can't be looked at. */
function presentOwner(host: BorderedHost, dir: AbsPath): Owner | undefined {
  try {
    const { entry } = follow(host, dir);
    return entry.type === 'dir' && entry.owner.uid !== 0 ? entry.owner : undefined;
  } catch (thrown) {
    if (isUnreadable(thrown)) return undefined;
    throw thrown;
  }
}

const personOf = ({ uid, gid }: Owner, names: People): Person =>
  names.user(uid) ?? { name: String(uid), uid, gid, home: '/' };

/** A user of another machine (--root): a number here, in no group of this machine. */
const idsOf = (person: Person, isRunning: boolean): Person =>
  // On this machine the same name may be another user's.
  isRunning ? person : { ...person, name: String(person.uid) };
