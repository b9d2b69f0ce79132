// The worlds that words name: the configuration as it is (through the channel, or as committed), as it is planned, a git
// revision, a system that was built. What can't be looked at is a world that says why.

import type { Documents } from '../documents/documents.ts';
import { shownTree } from '../evaluation/shown-tree.ts';
import { follow, textThroughLinks } from '../machine/follow-links.ts';
import { isUnreadable, type Reader, unlessUnreadable } from '../machine/reader.ts';
import type { Person } from '../model.ts';
import { type AbsPath, absolute, join, relativeTo } from '../path.ts';
import { branchOfVersion } from '../survey/nixpkgs.ts';
import type { World } from './world.ts';

/** A configuration, and who looks at it. */
export interface Configured {
  readonly dir: AbsPath;
  /** For people: `~/nixos-config`. */
  readonly place: string;
  /** The attribute of nixosConfigurations. */
  readonly attribute: string;
  readonly documents: Documents;
  readonly reader: Reader;
  readonly person: Person;
}

/** What NixOS sets NIX_PATH to where nobody asks for something else. */
const NIX_PATH = [
  'nixpkgs=/nix/var/nix/profiles/per-user/root/channels/nixos',
  'nixos-config=/etc/nixos/configuration.nix',
  '/nix/var/nix/profiles/per-user/root/channels',
];

/** The system that nixos-rebuild builds without a flake. */
export function channelWorld(reader: Reader): World {
  const nixPath = nixPathOf(reader);
  const tree = nixPath.find((entry) => entry.startsWith('nixpkgs='))?.slice('nixpkgs='.length);
  const label = '<nixpkgs/nixos>';
  const known = tree?.startsWith('/') ? unlessUnreadable(() => follow(reader, absolute(tree))) : undefined;
  if (known?.entry.type !== 'dir')
    return {
      kind: 'closed',
      label,
      why: 'there is no channel: NIX_PATH names no nixpkgs that is here',
      hint: 'nix-channel --list',
    };
  const text = (file: string): string =>
    unlessUnreadable(() => textThroughLinks(reader, join(known.path, `./${file}`)))?.trim() ?? '';
  const channel = branchOfVersion(`${text('.version')}${text('.version-suffix')}`);
  const revision = text('.git-revision').slice(0, 7);
  const named = channel === undefined ? '' : `, channel ${channel}${revision === '' ? '' : ` at ${revision}`}`;
  return { kind: 'channel', label: `${label}${named}`, nixPath };
}

/** As the system sets it for root, who runs nixos-rebuild. */
function nixPathOf(reader: Reader): readonly string[] {
  const text = unlessUnreadable(() => textThroughLinks(reader, absolute('/etc/set-environment'))) ?? '';
  const set = /^export NIX_PATH="([^"]*)"/m.exec(text)?.[1]?.replaceAll('$HOME', '/root');
  const entries = (set ?? '').split(/:(?!\/\/)/).filter((entry) => entry !== '' && !entry.includes('$'));
  return entries.some((entry) => entry.startsWith('nixpkgs=')) ? entries : NIX_PATH;
}

/** The files of a flake as git shows them, or will show them: those of the work tree. */
export function treeWorld({ dir, place, attribute, documents, reader }: Configured): World {
  const label = `${place}#${attribute}`;
  const closed = (why: string): World => ({
    kind: 'closed',
    label,
    why,
    hint: 'a proof needs every file that git shows',
  });
  const isFlake = unlessUnreadable(() => reader.stat(join(dir, './flake.nix')).type) === 'file';
  if (!isFlake)
    return {
      kind: 'closed',
      label,
      why: `there is no flake.nix in "${dir}"`,
      hint: 'reflake plan shows what makes it a flake',
    };
  try {
    const read = shownTree(dir, [], documents, reader);
    if (!read.ok) return closed(read.why);
    // The machine evaluates it as it is now: a file that the plan moves lies at its present place, and is judged there.
    const tree = { ...read.tree, from: read.tree.from.map(reader.origin) };
    return { kind: 'tree', label, tree, attribute };
  } catch (thrown) {
    if (!isUnreadable(thrown)) throw thrown;
    return closed(`"${thrown.path}" cannot be read: ${thrown.why}`);
  }
}

/** A commit of the repository that the configuration lies in. */
export async function revisionWorld(
  revision: string,
  { dir, place, attribute, documents, reader, person }: Configured,
): Promise<World> {
  const label = `${place} at ${revision}#${attribute}`;
  const closed = (why: string): World => ({ kind: 'closed', label, why, hint: 'name a commit that git log shows' });
  const top = unlessUnreadable(() => documents.repository())?.top;
  if (top === undefined) return closed(`"${dir}" lies in no git repository`);
  const result = await reader.compute({
    label: `looking for ${revision}`,
    purpose: 'answer',
    isTold: true,
    files: [],
    from: [],
    argv: ['git', '-C', top, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`],
    outputs: [],
    offline: true,
    as: person,
  });
  if (result.status === 'missing') return closed(`${result.tool} is not installed`);
  // With --quiet git says nothing of a commit that is not there, so words tell of something else.
  const words = result.status === 'failed' ? result.stderr.trim() : '';
  if (words !== '') return closed(`git cannot be asked for "${revision}": ${words}`);
  const commit = result.status === 'done' ? result.stdout.trim() : '';
  if (!/^[0-9a-f]{40,64}$/.test(commit)) return closed(`git knows no commit "${revision}"`);
  const query = [`rev=${commit}`, ...(dir === top ? [] : [`dir=${encoded(relativeTo(dir, top))}`])].join('&');
  const reference = `git+file://${encoded(top)}?${query}`;
  return { kind: 'reference', label: `${place} at ${commit.slice(0, 7)}#${attribute}`, reference, attribute };
}

const encoded = (path: string): string => encodeURIComponent(path).replaceAll('%2F', '/');

/**
 * The configuration as it is: of a flake what is committed, or where nothing is its files; without a flake what the channel
 * gives. `isRunning`: it is that of the machine that we run on, so NIX_PATH leads somewhere.
 */
export async function presentWorld(present: Configured, isRunning: boolean): Promise<World> {
  const { dir, reader, documents } = present;
  const isFlake = unlessUnreadable(() => reader.stat(join(dir, './flake.nix')).type) === 'file';
  if (!isFlake)
    return isRunning
      ? channelWorld(reader)
      : {
          kind: 'closed',
          label: '<nixpkgs/nixos>',
          why: 'the channel of another machine (--root) cannot be evaluated here',
          hint: 'run it on that machine',
        };
  const isRepository = unlessUnreadable(() => documents.repository()) !== undefined;
  const committed = isRepository ? await revisionWorld('HEAD', present) : undefined;
  return committed === undefined || committed.kind === 'closed' ? treeWorld(present) : committed;
}
