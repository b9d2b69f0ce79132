// The machine as root sees it: a place that a trusted word names and that root alone controls is looked at with root's rights,
// and everything else with those of the person whose words lead there. Only for root; anybody else has nothing to give away.

import type { Host } from '../../machine/host.ts';
import type { Job, JobResult } from '../../machine/job.ts';
import { below } from '../../machine/links.ts';
import { DENIED, isUnreadable, type Named, type Reader, unreadable } from '../../machine/reader.ts';
import { hashThrough } from '../../machine/tree-hash.ts';
import type { Entry, HostFacts } from '../../model.ts';
import { type AbsPath, absolute, isWithin, join, parent, prefixesOf } from '../../path.ts';
import { unlessTheirLink } from '../disk/anchor.ts';
import { compute } from '../process/scratch.ts';
import { factsOf, realHost } from '../real-host.ts';
import { heldLook } from '../work/held-look.ts';
import { computeAs } from './jobs.ts';
import { type Looker, looker } from './looker.ts';
import type { Ids } from './start-as.ts';
import { isWrittenByRootAlone, territory } from './territory.ts';

export interface BorderedHost extends Host {
  /** Whose rights count wherever root's own do not. Undefined: nobody's; then there is no look. */
  lookAs(person: Ids | undefined): void;
  /** In whose name programs compute, whoever a job names. Undefined: as the job says. */
  computeAs(person: Ids | undefined): void;
  /** What the trusted spec names: there, root's rights count as far as root alone controls the way. */
  grant(paths: readonly AbsPath[]): void;
  /** What somebody could read by themselves: what they are shown must be no more. */
  seenBy(ids: Ids): Pick<Reader, 'read'>;
  /** The owner of the first directory on the way to `path` that root does not control alone. */
  holder(path: AbsPath): number | undefined;
}

/** What reflake itself names on every machine, with what is below it. */
const OWN_WORDS: readonly AbsPath[] = [
  '/etc/passwd',
  '/etc/group',
  '/etc/hostname',
  '/etc/machine-id',
  '/etc/os-release',
  '/etc/nix',
  '/etc/static',
  '/nix/var/nix/profiles',
  '/run/current-system',
  '/run/booted-system',
  '/root/.nix-channels',
  '/var/lib/reflake',
].map(absolute);

/** `root`: where the machine is on this disk. */
export function bordered(root: AbsPath): BorderedHost {
  const own = realHost(root);
  const held = heldLook(root);
  const closed = territory(root);
  const granted = new Set<AbsPath>(OWN_WORDS);
  const lookers = new Set<Looker>();
  let person: Ids | undefined;
  let computing: Ids | undefined;
  let facts: HostFacts | undefined;

  const lookerOf = (ids: Ids): Looker => {
    const one = looker(root, ids);
    lookers.add(one);
    return one;
  };
  const theirs = (path: AbsPath): Looker => {
    if (person !== undefined) return lookerOf(person);
    throw unreadable(
      path,
      'others than root can change what is there, and no owner is known with whose rights to look',
      'name the owner of the configuration: config.owner',
    );
  };
  /** Where nobody else's words are followed, all words are root's. */
  const isNamed = (path: AbsPath): boolean => person === undefined || [...granted].some((one) => isWithin(path, one));
  /** On the way to something that is named: its metadata may be looked at, no more. */
  const isOnTheWay = (path: AbsPath): boolean => [...granted].some((one) => isWithin(one, path));

  /**
   * Whether it is the person's own modes that keep `path` from them. They are asked along the way as far as they can look;
   * root looks only at names in a directory of theirs that they have shut themselves.
   */
  const isShutByThemselves = (path: AbsPath, { uid }: Ids): boolean => {
    let seen: Entry | undefined;
    let isHidden = false;
    for (const at of prefixesOf(path)) {
      const entry = isHidden ? undefined : unlessDenied(() => theirs(at).stat(at));
      if (entry === undefined && !isHidden) {
        if (seen?.type !== 'dir' || seen.owner.uid !== uid) return false;
        isHidden = true;
      }
      seen = entry ?? unlessTheirLink(() => held.stat(at));
      if (seen === undefined) return false;
      if (seen.type === 'absent') return true;
      if (isHidden && at !== path && (seen.type !== 'dir' || seen.owner.uid !== uid)) return false;
    }
    // Behind a shut directory, whoever reads asks the inode itself whose it is.
    return isHidden || (seen !== undefined && seen.type !== 'absent' && seen.owner.uid === uid);
  };
  /** What the person's own modes keep from themselves, root sees for them: it is to mend the modes. */
  const orShut = <T>(path: AbsPath, look: () => T, own: (uid: number) => T): T => {
    try {
      return look();
    } catch (thrown) {
      // Only where rights are missing: what is too large, or does not answer, is so for root as well.
      if (!isDenied(thrown) || person === undefined || !isShutByThemselves(path, person)) throw thrown;
      return own(person.uid);
    }
  };
  const statOfTheirs = (path: AbsPath): Entry =>
    orShut(
      path,
      () => theirs(path).stat(path),
      () => held.stat(path),
    );

  const stat = (path: AbsPath): Entry => {
    if (!(isNamed(path) || isOnTheWay(path)) || closed.place(path) === undefined) return statOfTheirs(path);
    const entry = own.stat(path);
    // Root's link is root's word: where it leads is named by it.
    if (entry.type === 'link' && entry.owner.uid === 0) granted.add(join(parent(path), entry.target));
    return entry;
  };
  const isRootsDirectory = (path: AbsPath): boolean => isNamed(path) && closed.directory(path) !== undefined;
  /** A file that only root can have written, in a directory of root's. */
  const isRootsFile = (path: AbsPath): boolean => {
    if (!isNamed(path) || closed.place(path) === undefined) return false;
    const entry = own.stat(path);
    return entry.type === 'file' && isWrittenByRootAlone({ ...entry.owner, mode: entry.mode });
  };
  /** Something absent, or what no right is needed for, in a directory of root's. */
  const isNoFile = (path: AbsPath): boolean =>
    isNamed(path) && closed.place(path) !== undefined && own.stat(path).type !== 'file';

  const listOfTheirs = (path: AbsPath): readonly string[] =>
    orShut(
      path,
      () => theirs(path).list(path),
      (uid) => held.listOf(path, uid),
    );

  const reader: Reader = {
    get facts() {
      facts ??= factsOf(root, reader);
      return facts;
    },
    stat,
    read: (path, most) =>
      isRootsFile(path) || isNoFile(path)
        ? own.read(path, most)
        : orShut(
            path,
            () => theirs(path).read(path, most),
            (uid) => held.readOf(path, uid, most),
          ),
    list: (path) => (isRootsDirectory(path) ? own.list(path) : listOfTheirs(path)),
    entries: (path) =>
      isRootsDirectory(path)
        ? own.entries(path)
        : orShut(
            path,
            () => theirs(path).entries(path),
            () => listOfTheirs(path).map((name): Named => ({ name, entry: stat(below(path, name)) })),
          ),
    isOwned: (path, owner) => person !== undefined && lookerOf(person).isOwned(path, owner),
    writtenAt: (path) => (isRootsFile(path) ? own.writtenAt(path) : theirs(path).writtenAt(path)),
    treeHash: (path) =>
      isRootsFile(path) || isRootsDirectory(path) ? hashThrough(reader, path) : theirs(path).treeHash(path),
    compute: (job) => computeFor(job),
    mounts: own.mounts,
    hindrance: (path, changed) =>
      closed.place(path) === undefined && person !== undefined
        ? unlessUnreadable(() => theirs(path).hindrance(path, changed))
        : own.hindrance(path, changed),
    room: (path) =>
      closed.directory(path) === undefined && person !== undefined
        ? unlessUnreadable(() => theirs(path).room(path))
        : own.room(path),
    origin: (path) => path,
    planned: () => false,
  };

  /** What only root may read never enters a directory of the person's. */
  const computeFor = async (job: Job): Promise<JobResult> => {
    if (job.as.uid === 0) return await compute(job);
    const as = computing ?? job.as;
    const shut = job.from.find((path) => isRootsFile(path) && !isToldBy(as, path));
    return shut === undefined ? await computeAs({ ...job, as }) : { status: 'closed', path: shut };
  };

  /** Whether they have the bytes already: their process could say anything, but not bytes that it cannot know. */
  const isToldBy = (ids: Ids, path: AbsPath): boolean => {
    const bytes = own.read(path);
    const told = unlessDenied(() => lookerOf(ids).read(path));
    return bytes === undefined ? told === undefined : told !== undefined && Buffer.compare(bytes, told) === 0;
  };

  return Object.assign(reader, {
    work: own.work,
    held: own.held,
    activate: own.activate,
    refresh() {
      own.refresh();
      held.release();
      closed.forget();
      for (const one of lookers) one.forget();
    },
    lookAs: (ids: Ids | undefined) => {
      person = ids;
    },
    computeAs: (ids: Ids | undefined) => {
      computing = ids;
    },
    grant: (paths: readonly AbsPath[]) => {
      for (const path of paths) granted.add(path);
    },
    seenBy: lookerOf,
    holder: closed.holder,
  });
}

const isDenied = (thrown: unknown): boolean => isUnreadable(thrown) && thrown.why.startsWith(DENIED);

/** What hinders them, those whose process gives no answer find out when they write. */
function unlessUnreadable<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (thrown) {
    if (isUnreadable(thrown)) return undefined;
    throw thrown;
  }
}

function unlessDenied<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (thrown) {
    if (isDenied(thrown)) return undefined;
    throw thrown;
  }
}
