// The machine as root sees it: root looks with its own rights only at places that the trusted spec or reflake names and
// that root alone controls; everything else is looked at with the rights of the person whose words lead there. Used by
// root only: other users have no rights to give away.

import { listener } from '../../formats/nix-log.ts';
import { below } from '../../machine/follow-links.ts';
import type { Host } from '../../machine/host.ts';
import type { Job, JobResult } from '../../machine/job.ts';
import { DENIED, isUnreadable, type Named, type Reader, unlessUnreadable, unreadable } from '../../machine/reader.ts';
import { hashThrough } from '../../machine/tree-hash.ts';
import type { Entry, HostFacts } from '../../model.ts';
import { type AbsPath, absolute, isWithin, join, parent, prefixesOf } from '../../path.ts';
import { unlessTheirLink } from '../disk/anchor.ts';
import { compute } from '../process/scratch.ts';
import { factsOf, realHost } from '../real-host.ts';
import { heldLook } from '../work/held-look.ts';
import { computeAs } from './jobs.ts';
import { type Looker, looker } from './looker.ts';
import type { Ids } from './start-self-as.ts';
import { isWrittenByRootAlone, territory } from './territory.ts';

export interface BorderedHost extends Host {
  /** Sets the person whose rights are used wherever root's are not. Undefined: nobody, and then such a look throws. */
  lookAs(person: Ids | undefined): void;
  /** Sets the person for whom programs compute, whatever a job says. Undefined: as the job says. */
  computeAs(person: Ids | undefined): void;
  /**
   * Sets who hears what programs say, where root was called by somebody else. Words of a program that they could not run to the
   * same end are kept from them.
   */
  toldTo(listener: Ids): void;
  /** Adds paths that the trusted spec names. Below them root uses its own rights, as far as root alone controls the way. */
  grant(paths: readonly AbsPath[]): void;
  /** A reader with the rights of `ids`: they must be shown no more than they could read themselves. */
  seenBy(ids: Ids): Pick<Reader, 'read'>;
  /** The owner of the first directory on the way to `path` that root does not control alone. */
  holder(path: AbsPath): number | undefined;
}

/** Paths that reflake itself names on every machine. Everything below them counts as named, too. */
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
  '/root/.nix-defexpr',
  '/root/.local',
  '/var/lib/reflake',
].map(absolute);

/** `root`: the directory of this disk that is the machine's `/`. */
export function bordered(root: AbsPath): BorderedHost {
  const own = realHost(root);
  const held = heldLook(root);
  const closed = territory(root);
  const granted = new Set<AbsPath>(OWN_WORDS);
  const lookers = new Set<Looker>();
  let person: Ids | undefined;
  let computing: Ids | undefined;
  let hearing: Ids | undefined;
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
  /** True if a trusted word names the path. If there is no person, all words are root's. */
  const isNamed = (path: AbsPath): boolean => person === undefined || [...granted].some((one) => isWithin(path, one));
  /** True of a directory above a named path: root may look at its metadata, but at nothing else. */
  const isOnTheWay = (path: AbsPath): boolean => [...granted].some((one) => isWithin(one, path));

  /**
   * True if it is the person's own modes that keep them from `path`. The child looks along the way as far as it can;
   * beyond that, root looks only at names in a directory that the person owns and has closed to themselves.
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
    // For a path behind a closed directory, the caller checks the owner of the inode that it opens.
    return isHidden || (seen !== undefined && seen.type !== 'absent' && seen.owner.uid === uid);
  };
  /**
   * Looks for the person. Where their own modes keep them out, root looks instead, because reflake is to mend those
   * modes.
   */
  const orShut = <T>(path: AbsPath, look: () => T, own: (uid: number) => T): T => {
    try {
      return look();
    } catch (thrown) {
      // Only for missing rights: a file that is too large, or does not answer, is so for root as well.
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
    // A link that root owns is root's word: it names its target.
    if (entry.type === 'link' && entry.owner.uid === 0) granted.add(join(parent(path), entry.target));
    return entry;
  };
  const isRootsDirectory = (path: AbsPath): boolean => isNamed(path) && closed.directory(path) !== undefined;
  /** True of a file that only root can have written, in a directory of root's. */
  const isRootsFile = (path: AbsPath): boolean => {
    if (!isNamed(path) || closed.place(path) === undefined) return false;
    const entry = own.stat(path);
    return entry.type === 'file' && isWrittenByRootAlone({ ...entry.owner, mode: entry.mode });
  };
  /** True if there is no file at the path, in a directory of root's: then looking needs no rights. */
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
    writtenAt: (path) => (isRootsFile(path) || isNoFile(path) ? own.writtenAt(path) : theirs(path).writtenAt(path)),
    // Another person's stamps are their word, and their answers are kept with their own rights: bytes are compared.
    stamp: () => undefined,
    treeHash: (path) =>
      isRootsFile(path) || isRootsDirectory(path) ? hashThrough(reader, path) : theirs(path).treeHash(path),
    compute: (job, tell) => computeFor(job, tell && listener(tell)),
    mounts: own.mounts,
    hindrance: (path, changed) =>
      closed.place(path) === undefined && person !== undefined
        ? // No answer: then it shows only when we write.
          unlessUnreadable(() => theirs(path).hindrance(path, changed))
        : own.hindrance(path, changed),
    room: (path) =>
      closed.directory(path) === undefined && person !== undefined
        ? unlessUnreadable(() => theirs(path).room(path))
        : own.room(path),
    origin: (path) => path,
    planned: () => false,
  };

  /**
   * Does a job as the person. A file that only root may read never enters a directory of theirs: the job ends as `closed`.
   * If another one hears its answer, nobody (uid 65534) does it, with files that they can read too: so it says nothing that they
   * could not read, and they cannot change what it says. Why any other job of somebody's failed they do not hear.
   */
  const computeFor = async (job: Job, onLine?: (line: string) => void): Promise<JobResult> => {
    const worker = computing ?? job.as;
    if (worker.uid === 0) return await compute(job, onLine);
    const stranger = hearing?.uid === worker.uid ? undefined : hearing;
    const as = job.isTold && computing === undefined && stranger !== undefined ? NOBODY : worker;
    const shut = job.from.find(
      (path) =>
        (isRootsFile(path) && !isToldBy(as, path)) ||
        (job.isTold && stranger !== undefined && !isToldBy(stranger, path)),
    );
    if (shut !== undefined) return { status: 'closed', path: shut };
    const isHeard =
      stranger === undefined ||
      job.isTold === true ||
      (computing !== undefined && job.from.every((path) => isToldBy(stranger, path)));
    const result = await computeAs({ ...job, as }, isHeard ? onLine : undefined);
    return isHeard || result.status !== 'failed' ? result : { status: 'failed', stderr: unheard(worker) };
  };

  /**
   * True if the process of `ids` returns the same bytes. It could claim anything, but it cannot produce bytes that it
   * does not know.
   */
  const isToldBy = (ids: Ids, path: AbsPath): boolean => {
    const bytes = isRootsFile(path) ? own.read(path) : unlessDenied(() => reader.read(path));
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
    toldTo: (listener: Ids) => {
      hearing = listener.uid === 0 ? undefined : listener;
    },
    grant: (paths: readonly AbsPath[]) => {
      for (const path of paths) granted.add(path);
    },
    seenBy: lookerOf,
    holder: closed.holder,
  });
}

/** A number, in no group but its own: the name may be another user's on this machine. */
const NOBODY: Ids = { name: '65534', uid: 65_534, gid: 65_534, home: '/var/empty' };

const unheard = ({ uid }: Ids): string =>
  `error: (withheld: a program of the user ${uid} said why, and only they and root may hear it)`;

const isDenied = (thrown: unknown): boolean => isUnreadable(thrown) && thrown.why.startsWith(DENIED);

function unlessDenied<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (thrown) {
    if (isDenied(thrown)) return undefined;
    throw thrown;
  }
}
