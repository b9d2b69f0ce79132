// The machine below a root directory on this disk: `/` itself, or with --root an image, a container or a test's
// directory.

import { realpathSync } from 'node:fs';
import { digestOf } from '../canonical.ts';
import { listener } from '../formats/nix-log.ts';
import { below, textThroughLinks } from '../machine/follow-links.ts';
import type { Host } from '../machine/host.ts';
import type { HostFacts } from '../model.ts';
import { type AbsPath, absolute, ROOT } from '../path.ts';
import { places } from './disk/disk-paths.ts';
import { look } from './disk/look.ts';
import { mountsBelow } from './disk/mounts.ts';
import { activate, kernelHostname } from './process/activate.ts';
import { compute } from './process/scratch.ts';
import { realWork } from './work/disk-work.ts';
import { heldLook } from './work/held-look.ts';

/** `root` is an absolute path of this disk. If the directory does not exist, the machine is empty. */
export function realHost(root: AbsPath): Host {
  const where = places(root);
  const looks = look(where);
  const held = heldLook(root);
  let facts: HostFacts | undefined;
  return {
    get facts() {
      facts ??= factsOf(root, looks);
      return facts;
    },
    ...looks,
    planned: () => false,
    mounts: (path) => mountsBelow(below(absolute(realpathSync(root)), path.slice(1)), path),
    hindrance: held.hindrance,
    room: held.room,
    origin: (path) => path,
    held,
    compute: (job, tell) => compute(job, tell && listener(tell)),
    work: (edits, tx, by) => realWork(root, where, edits, tx, by),
    refresh() {
      where.forget();
      held.release();
    },
    activate,
  };
}

/** Nix's system names for Node's process.arch. */
const SYSTEMS: Readonly<Record<string, string>> = {
  x64: 'x86_64-linux',
  arm64: 'aarch64-linux',
  ia32: 'i686-linux',
  arm: 'armv7l-linux',
  riscv64: 'riscv64-linux',
  ppc64: 'powerpc64le-linux',
  s390x: 's390x-linux',
  loong64: 'loongarch64-linux',
};

/** The facts that a plan is bound to, read from the machine below `root`. */
export function factsOf(root: AbsPath, reader: Pick<Host, 'stat' | 'read'>): HostFacts {
  const line = (path: string): string => textThroughLinks(reader, absolute(path)).trim();
  const id = line('/etc/machine-id');
  return {
    name: line('/etc/hostname') || (root === ROOT ? kernelHostname() : ''),
    system: SYSTEMS[process.arch] ?? `${process.arch}-linux`,
    // machine-id(5) asks programs not to publish the id itself, so we keep a hash of it.
    machineId: id === '' ? '' : digestOf(`reflake ${id}`).slice(7, 23),
  };
}
