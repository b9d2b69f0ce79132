// Locks an input that follows the channel of the machine to the tree that the channel has unpacked: Nix adds the tree to its
// store under the hash that the lock says, so nothing is fetched.

import { readFlake } from '../../core/formats/flake/flake.ts';
import { type Attrs, textAttr } from '../../core/formats/flake-ref/model.ts';
import type { LockInput } from '../../core/formats/lock/inputs.ts';
import { emptyLock, type Lock, rootNode } from '../../core/formats/lock/model.ts';
import { parseLock } from '../../core/formats/lock/parse-lock.ts';
import { printLock } from '../../core/formats/lock/print-lock.ts';
import { sourcePath } from '../../core/formats/nar/store-path.ts';
import { textThroughLinks } from '../../core/machine/follow-links.ts';
import type { JobResult } from '../../core/machine/job.ts';
import { nixRelease } from '../../core/machine/nix-version.ts';
import type { Reader } from '../../core/machine/reader.ts';
import type { Person } from '../../core/model.ts';
import { join } from '../../core/path.ts';
import { type ChannelTree, channelTree, releaseUrl } from '../../core/survey/channel-tree.ts';
import type { LockNeed } from './need.ts';

/** `need`: with the entries in `start`. `failed`: the job that brings the tree into the store was not done. */
export interface Taken {
  readonly need: LockNeed;
  readonly failed?: Exclude<JobResult, { status: 'done' }>;
}

/** Unchanged where no input that has to be locked follows the channel of this machine. Throws `unreadable`. */
export async function fromChannel(need: LockNeed, person: Person, reader: Reader): Promise<Taken> {
  // What is too old is to become younger, which the tree that is here would not.
  const missing = new Set(need.reasons.flatMap(({ code, input }) => (code === 'RF2106' ? [input] : [])));
  const wanted = need.inputs.filter((input) => missing.has(input.name) && input.ref?.attrs.type === 'tarball');
  const tree = wanted.length === 0 ? undefined : channelTree(reader);
  if (tree === undefined) return { need };
  const ofTree = wanted.flatMap((input) => {
    const url = releaseUrl(textAttr(input.ref!.attrs, 'url') ?? '', tree);
    return url !== undefined && hasNoInputs(input, tree, reader) ? [{ input, url }] : [];
  });
  if (ofTree.length === 0) return { need };
  const names = new Set(ofTree.map(({ input }) => input.name));
  const reasons = need.reasons.map((one) =>
    one.input !== undefined && names.has(one.input) ? { ...one, text: `${one.text}; ${WITHOUT_DOWNLOAD}` } : one,
  );
  const added = await reader.compute({
    label: 'adding the channel to the store',
    purpose: 'bytes',
    files: [],
    from: [],
    argv: ['nix', '--extra-experimental-features', 'nix-command', 'store', 'add-path', '--name', 'source', tree.path],
    outputs: [],
    offline: true,
    as: person,
  });
  if (added.status !== 'done') return { need: { ...need, reasons }, failed: added };
  const narHash = reader.treeHash(tree.path) ?? '';
  const path = added.stdout.trim();
  if (path !== sourcePath(narHash)) {
    const stderr = `error: Nix added "${tree.path}" as ${path}, and by its hash ${narHash} it is ${sourcePath(narHash)}`;
    return { need: { ...need, reasons }, failed: { status: 'failed', stderr } };
  }
  const { rules } = await nixRelease(person, reader)();
  const { revision } = tree;
  // Nix 2.8 refuses a date in a tarball's entry, and is not asked to read a revision in one.
  const about: Attrs = { narHash, ...(rules !== '2.8' && revision !== undefined && { rev: revision }) };
  const parsed = need.start === undefined ? undefined : parseLock(need.start);
  const start = ofTree.reduce<Lock>(
    (lock, { input, url }) => withEntry(lock, input, { type: 'tarball', url, ...about }),
    parsed?.ok ? parsed.lock : emptyLock,
  );
  return { need: { ...need, reasons, start: printLock(start) } };
}

const WITHOUT_DOWNLOAD = 'it is what the channel of this machine has, so nothing is downloaded';

/** The inputs of the source would have to be locked too, and only Nix knows how. */
function hasNoInputs({ flake, overrides }: LockInput, tree: ChannelTree, reader: Reader): boolean {
  if (overrides.length > 0) return false;
  if (!flake) return true;
  const read = readFlake(textThroughLinks(reader, join(tree.path, './flake.nix')));
  return 'inputs' in read && read.inputs.length === 0 && read.implicit.length === 0;
}

/** The lock with this entry for an input of the flake itself. */
function withEntry(lock: Lock, { name, flake, ref }: LockInput, locked: Attrs): Lock {
  // A key that no other node has; printing gives it the name that Nix would.
  const key = `${name}\0`;
  const root = rootNode(lock);
  const inputs = new Map(root.inputs).set(name, { kind: 'node', key });
  const node = { inputs: new Map(), locked, original: ref!.attrs, flake };
  return { ...lock, nodes: new Map(lock.nodes).set(lock.root, { ...root, inputs }).set(key, node) };
}
