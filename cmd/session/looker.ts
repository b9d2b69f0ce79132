// Whose rights count when root looks: the present owner of the configuration; before it is where it shall be, the one that the
// spec wishes; else who called.

import type { BorderedHost } from '../../core/host/border/bordered.ts';
import { follow } from '../../core/machine/links.ts';
import { type People, people } from '../../core/machine/people.ts';
import { isUnreadable } from '../../core/machine/reader.ts';
import type { Owner, Person } from '../../core/model.ts';
import { type AbsPath, absolute, join } from '../../core/path.ts';
import { ownerOf, placesIn } from '../../core/spec/wishes.ts';
import type { Spec } from '../../schemas/spec.gen.ts';

/**
 * Tells the host, and returns in whose name programs run. Under --root that is who called, for its users are no users here;
 * but never root where the tree is somebody's: a path input of theirs would be read with root's rights.
 */
export function chooseLooker(host: BorderedHost, spec: Spec, caller: Person, isRunning: boolean): Person {
  const names = people(host);
  const owner = ownerOf(spec, names);
  const { dir, from } = placesIn(spec, owner, caller);
  const places = from === undefined ? [dir] : [dir, from];
  host.grant(places);
  // Its Nix and git read root's own settings.
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
 * What a program computes for a configuration that stays root's must not lie in a directory of the caller's, who could put other
 * bytes there; and root itself would read with its rights what inputs name.
 */
const nobody = (names: People): Person =>
  names.user(NOBODY) ?? { name: String(NOBODY), uid: NOBODY, gid: NOBODY, home: '/var/empty' };

/** On every Linux: the user that owns nothing. */
const NOBODY = 65534;

/** Undefined: it is root's, or not there, or not to be seen. */
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

/** A user of another machine is a number here, in no group of this one. */
const idsOf = (person: Person, isRunning: boolean): Person =>
  // Its name may be somebody else's here.
  isRunning ? person : { ...person, name: String(person.uid) };
