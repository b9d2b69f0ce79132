// Retires channels: root's, and those of the configuration's owner. Empties their lists, as `nix-channel --remove` leaves them (NixOS
// makes a missing one anew), and removes the links of their profiles. Of other users it only tells.

import { digestOf } from '../core/canonical.ts';
import { rangeOf, type SourceRange } from '../core/diagnostic.ts';
import { nixPathEntries } from '../core/doctor/channels.ts';
import type { Documents } from '../core/documents/documents.ts';
import { findOption, openModule } from '../core/formats/module/config.ts';
import { spanOf } from '../core/formats/nix/describe.ts';
import { readAt, readBoolean } from '../core/formats/nix-value/read.ts';
import { below, follow, settle, textThroughLinks } from '../core/machine/follow-links.ts';
import type { Blobs } from '../core/machine/host.ts';
import { type Reader, unlessUnreadable } from '../core/machine/reader.ts';
import { putText, readText } from '../core/machine/texts.ts';
import { ABSENT, type Edit, type Finding, type Put, sameOwner } from '../core/model.ts';
import { type AbsPath, absolute, basename, join, parent, relativeTo } from '../core/path.ts';
import { type Ground, puts } from '../core/plan/places.ts';
import { type Difference, provider } from '../core/plan/provider.ts';
import type { Wishes } from '../core/spec/resolve.ts';
import {
  type FollowedPlace,
  type Follower,
  followedBy,
  isOfChannel,
  LINK_NAME,
  PROFILE_NAME,
  placesOf,
} from '../core/survey/followed-channels.ts';
import { CHANNELS } from '../core/survey/nixpkgs.ts';

interface Desired {
  readonly dir: AbsPath;
  /** Root, and the person whose configuration it is. */
  readonly followers: readonly Follower[];
  readonly others: readonly Follower[];
  /** NIX_PATH of whoever runs this. */
  readonly session: string | undefined;
}

/** A place of a channel, and the edit that retires it; without one it says why not. */
interface Place extends FollowedPlace {
  readonly who: Follower;
  readonly edit?: Edit;
  readonly blobs?: Blobs;
  readonly kept?: string;
}

interface Observed {
  readonly places: readonly Place[];
  /** What this process may not look into, and which may hold a channel. */
  readonly closed: readonly AbsPath[];
  readonly others: readonly { readonly who: Follower; readonly first: FollowedPlace }[];
  /** Users into whose homes nobody could look. */
  readonly unseen: readonly string[];
  readonly nixPaths: readonly NamedPath[];
  /** The file in the channel that command-not-found reads, if the configuration leaves that on. */
  readonly programs: AbsPath | undefined;
}

/** Where NIX_PATH is told, and its entries that lead into a channel. */
interface NamedPath {
  readonly by: 'session' | 'system' | 'configuration';
  readonly entries: readonly string[];
  readonly at?: SourceRange;
  readonly path?: AbsPath;
}

const WISH = '/channels';

export const channels = provider<Desired, Observed>({
  name: 'channels',
  answers: [WISH],
  ofMachine: true,
  codes: ['RF2079', 'RF2080', 'RF2081', 'RF2082', 'RF2083', 'RF2111'],
  mayWrite: puts((put, ground) => ground.wishes.retiresChannels && isChannels(put, ground)),
  desire: (wishes) =>
    wishes.retiresChannels
      ? {
          dir: wishes.dir,
          followers: followersOf(wishes),
          others: othersOf(wishes),
          session: wishes.nixPath,
        }
      : undefined,
  async observe({ dir, followers, others, session }, reader, documents) {
    const own = followers.map((who) => ({ who, ...followedBy(who, reader) }));
    const theirs = others.map((who) => ({ who, ...followedBy(who, reader) }));
    return {
      places: own.flatMap(({ who, places }) => places.map((one) => retired(one, who, reader))),
      closed: own.flatMap(({ closed }) => closed),
      others: theirs.flatMap(({ who, places: [first] }) => (first === undefined ? [] : [{ who, first }])),
      unseen: theirs.flatMap(({ who, closed, places }) => (closed.length > 0 && places.length === 0 ? [who.name] : [])),
      nixPaths: [...nixPathsOf(reader, session), ...nixPathsIn(dir, reader, documents)],
      programs: programsIn(reader, dir, documents),
    };
  },
  reconcile({ dir }, { places, closed, others, unseen, nixPaths, programs }) {
    const going = places.filter(({ edit }) => edit !== undefined);
    const findings = [
      ...places.map((one) => (one.edit === undefined ? keptFinding(one) : goingFinding(one))),
      ...(closed.length === 0 ? [] : [closedFinding(closed)]),
      ...others.map(({ who, first }) => othersFinding(who, first)),
      ...(unseen.length === 0 ? [] : [unseenFinding(unseen)]),
      ...nixPaths.map((one) => nixPathFinding(one, dir)),
      ...(programs !== undefined && going.length > 0 ? [programsFinding(programs)] : []),
    ];
    const difference: Difference = {
      findings,
      edits: going.map(({ edit }) => edit!),
      blobs: Object.assign({}, ...going.map(({ blobs = {} }) => blobs)) as Blobs,
    };
    return difference;
  },
});

function followersOf({ people, owner, person, isRunning }: Wishes): readonly Follower[] {
  const root: Follower = { name: 'root', home: absolute(people.user(0)?.home ?? '/root') };
  // Below --root the person who calls is no user of the machine.
  const user = owner === undefined ? (isRunning ? person : undefined) : people.user(owner.uid);
  return user === undefined || user.uid === 0 || !user.home.startsWith('/')
    ? [root]
    : [root, { name: user.name, home: absolute(user.home) }];
}

function othersOf(wishes: Wishes): readonly Follower[] {
  const own = new Set(followersOf(wishes).map(({ name }) => name));
  return wishes.people.users
    .filter(({ uid, name, home }) => uid >= 1000 && uid < 60_000 && !own.has(name) && home.startsWith('/'))
    .map(({ name, home }) => ({ name, home: absolute(home) }));
}

/** The place with the edit that retires it. */
function retired(place: FollowedPlace, who: Follower, reader: Reader): Place {
  const { kind, path, entry } = place;
  if (kind === 'list') {
    const file = readText(reader, path);
    return file.kind === 'text' && file.entry.hardLinked !== true
      ? { ...place, who, ...putText(path, file, '', file.entry.owner) }
      : { ...place, who, kept: file.kind === 'odd' ? file.problem : 'has several names' };
  }
  if (entry.type !== 'link') return { ...place, who, kept: 'is no link, which is what nix-channel makes' };
  return { ...place, who, edit: { op: 'put', path, before: entry, after: ABSENT } };
}

/** True for a list that is emptied, and for a link of a profile that goes. */
function isChannels({ path, before, after }: Put, { wishes, reader }: Ground): boolean {
  const isIn = (dirs: readonly AbsPath[]): boolean =>
    dirs.some((dir) => {
      const { path: real, stray } = settle(reader, below(dir, basename(path)));
      return stray === undefined && real === path;
    });
  return followersOf(wishes).some((who) => {
    const { lists, profiles, links } = placesOf(who);
    if (after.type === 'absent')
      return (
        before.type === 'link' &&
        ((PROFILE_NAME.test(basename(path)) && isIn(profiles)) || (LINK_NAME.test(basename(path)) && isIn(links)))
      );
    return (
      before.type === 'file' &&
      after.type === 'file' &&
      after.content === NOTHING &&
      before.mode === after.mode &&
      sameOwner(before.owner, after.owner) &&
      lists.some((list) => basename(list) === basename(path) && isIn([parent(list)]))
    );
  });
}

const NOTHING = digestOf('');

/** What every session gets by the running system, and what this one has. */
function nixPathsOf(reader: Reader, session: string | undefined): readonly NamedPath[] {
  const text = unlessUnreadable(() => textThroughLinks(reader, SET_ENVIRONMENT)) ?? '';
  const given = /^export NIX_PATH="([^"\n]*)"$/m.exec(text)?.[1] ?? '';
  const of = (value: string): readonly string[] => nixPathEntries(value).filter(isOfChannel);
  if (of(given).length > 0) return [{ by: 'system', entries: of(given), path: SET_ENVIRONMENT }];
  return session === undefined || of(session).length === 0 ? [] : [{ by: 'session', entries: of(session) }];
}

/** The file of NixOS that shells source. */
const SET_ENVIRONMENT = absolute('/etc/set-environment');

/** Definitions of nix.nixPath whose text leads into a channel. */
function nixPathsIn(dir: AbsPath, reader: Reader, documents: Documents): readonly NamedPath[] {
  return [...modulesWith(/nixPath/, dir, reader, documents)].flatMap(({ path, text, module }) =>
    findOption(module, ['nix', 'nixPath']).definitions.flatMap(({ expr }): readonly NamedPath[] => {
      const { start, end } = spanOf(expr);
      const entries = (text.slice(start, end).match(/[^\s"':=[\]]+/g) ?? []).filter(isOfChannel);
      return entries.length === 0
        ? []
        : [{ by: 'configuration', entries, path, at: rangeOf(path, text, { start, end }) }];
    }),
  );
}

/** The modules of the configuration whose text holds a word, as sets of options. */
function* modulesWith(word: RegExp, dir: AbsPath, reader: Reader, documents: Documents) {
  if (reader.stat(dir).type !== 'dir') return;
  for (const [path, { isNix }] of documents.mentioned()) {
    const file = isNix ? documents.nix(path) : undefined;
    if (file?.kind !== 'text' || !word.test(file.text)) continue;
    const opened = openModule(file.text, file.nix.parsed());
    if (opened.ok) yield { path, text: file.text, module: opened.module };
  }
}

/** Undefined: there is none in the channel, or a module turns command-not-found off or names another file. */
function programsIn(reader: Reader, dir: AbsPath, documents: Documents): AbsPath | undefined {
  const programs = join(CHANNELS, './nixos/programs.sqlite');
  if (unlessUnreadable(() => follow(reader, programs).entry.type) !== 'file') return undefined;
  const option = ['programs', 'command-not-found'];
  for (const { module } of modulesWith(/command-not-found/, dir, reader, documents)) {
    const enable = readAt(findOption(module, [...option, 'enable']), readBoolean);
    if (enable.kind === 'static' && !enable.value) return undefined;
    if (findOption(module, [...option, 'dbPath']).definitions.length > 0) return undefined;
  }
  return programs;
}

const WHAT: Readonly<Record<FollowedPlace['kind'], string>> = {
  list: 'still follows a channel',
  profile: 'still has a channel unpacked',
  link: 'still leads nix-env to a channel',
};

const goingFinding = ({ kind, who, path, was }: Place): Finding => ({
  code: 'RF2111',
  wish: WISH,
  subject: `channels of ${who.name}`,
  path,
  from: was,
  because: `${who.name} ${WHAT[kind]}`,
  remedy: { by: 'plan', action: kind === 'list' ? 'change' : 'remove' },
});

const keptFinding = ({ who, path, kind, kept }: Place): Finding => ({
  code: 'RF2080',
  wish: WISH,
  subject: `channels of ${who.name}`,
  because: `${who.name} ${WHAT[kind]}, and "${path}" ${kept}`,
  path,
  remedy: { by: 'you', hint: 'remove it where it is made, or by hand' },
});

const closedFinding = (closed: readonly AbsPath[]): Finding => ({
  code: 'RF2079',
  wish: WISH,
  subject: 'channels',
  because: `${closed.map((path) => `"${path}"`).join(', ')} cannot be looked into: whether a channel is left there is not known`,
  path: closed[0]!,
  remedy: { by: 'you', hint: 'run the command with sudo' },
});

const othersFinding = (who: Follower, { kind, path, was }: FollowedPlace): Finding => ({
  code: 'RF2081',
  subject: `channels of ${who.name}`,
  because: `${who.name} ${WHAT[kind]} ("${path}": ${was}), and that is theirs to decide`,
  path,
  remedy: { by: 'you', hint: `as ${who.name}: nix-channel --list, and nix-channel --remove NAME` },
});

const unseenFinding = (names: readonly string[]): Finding => ({
  code: 'RF2081',
  subject: 'channels of others',
  because: `whether ${names.join(', ')} ${names.length === 1 ? 'follows' : 'follow'} channels is not known: nobody else may look there`,
  remedy: { by: 'you', hint: 'they can tell: nix-channel --list' },
});

function nixPathFinding({ by, entries, at, path }: NamedPath, dir: AbsPath): Finding {
  const told = entries.join(', ');
  const common = { code: 'RF2082', subject: 'NIX_PATH', ...(at && { at }), ...(path && { path }) } as const;
  if (by === 'configuration')
    return {
      ...common,
      because: `"${relativeTo(path!, dir)}" leads NIX_PATH into a channel: ${told}`,
      remedy: { by: 'paste', hint: 'write instead', snippet: 'nix.nixPath = [ "nixpkgs=flake:nixpkgs" ];' },
    };
  return {
    ...common,
    because:
      by === 'system'
        ? `the running system gives every session a NIX_PATH that leads into a channel: ${told}`
        : `NIX_PATH of this session leads into a channel: ${told}`,
    remedy: {
      by: 'you',
      hint:
        by === 'system'
          ? 'a system that a flake of nixpkgs 24.05 or later builds gives another one; activate it, and log in anew'
          : 'log in anew',
    },
  };
}

const programsFinding = (path: AbsPath): Finding => ({
  code: 'RF2083',
  subject: 'command-not-found',
  because: `command-not-found reads "${path}", which goes with the channel`,
  path,
  remedy: {
    by: 'paste',
    hint: 'turn it off, or name the file of a nixpkgs that is a tarball (https://channels.nixos.org/…), which has one',
    snippet:
      'programs.command-not-found.enable = false;\n# or\nprograms.command-not-found.dbPath = "${inputs.nixpkgs}/programs.sqlite";',
  },
});
