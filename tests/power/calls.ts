// The effect of each system call on the recorded directory: what it changes, or makes durable. Throws at a call that it
// does not know, rather than miss one.

import { type Effect, type Id, node } from './disk.ts';
import { contentAt, lookup, type Place, pathOf, sizeOf } from './lookup.ts';
import { open } from './processes.ts';
import { born, type Moment, type Tape } from './recording.ts';
import { bytesOf, type Call, descriptorOf, nameOf, vectorOf } from './strace-log.ts';

/** Applies a call to the recorded directory. Returns a moment if the call changes nothing but tells or flushes something. */
export function handle(tape: Tape, call: Call, splitRename: boolean): Moment | undefined {
  const { name, args, pid, result } = call;
  const what = (place: Place | Id): string =>
    `${name} ${typeof place === 'number' ? pathOf(tape, place) : `${pathOf(tape, place.dir)}/${place.name}`}`;
  const at = (dir: string | undefined, path: string | undefined, follow: boolean): Place | undefined =>
    lookup(tape, pid, dir, nameOf(path), follow);
  const fd = (arg: string | undefined) => tape.processes.descriptor(tape, pid, arg);

  if (open(tape, call)) return undefined;
  switch (name) {
    case 'write':
    case 'writev': {
      const data = name === 'write' ? bytesOf(args[1]) : vectorOf(args[1]!);
      const file = fd(args[0]);
      if (descriptorOf(args[0]).number === 1 && file?.inode === undefined) {
        const text = data.toString('utf8');
        return text.includes('"type":"ended"') ? { kind: 'told', text } : undefined;
      }
      if (file?.inode === undefined) return undefined;
      const size = sizeOf(tape, file.inode);
      const offset = file.append ? size : file.offset;
      file.offset = offset + result;
      tape.unit(what(file.inode), [{ kind: 'bytes', inode: file.inode, at: offset, bytes: data.subarray(0, result) }]);
      return file.sync
        ? { kind: 'flush', of: 'file', inode: file.inode, what: `O_SYNC ${what(file.inode)}` }
        : undefined;
    }
    case 'pwrite64':
    case 'pwritev': {
      const data = name === 'pwrite64' ? bytesOf(args[1]) : vectorOf(args[1]!);
      const inode = fd(args[0])?.inode;
      if (inode !== undefined)
        tape.unit(what(inode), [{ kind: 'bytes', inode, at: Number(args[3]), bytes: data.subarray(0, result) }]);
      return undefined;
    }
    case 'copy_file_range':
    case 'sendfile':
      copyBetween(tape, call, what);
      return undefined;
    case 'lseek': {
      const file = fd(args[0]);
      if (file !== undefined) file.offset = result;
      return undefined;
    }
    case 'ftruncate': {
      const inode = fd(args[0])?.inode;
      if (inode !== undefined && sizeOf(tape, inode) !== Number(args[1]))
        tape.unit(what(inode), [{ kind: 'size', inode, size: Number(args[1]) }]);
      return undefined;
    }
    case 'truncate': {
      const inode = at(undefined, args[0], true)?.inode;
      if (inode !== undefined) tape.unit(what(inode), [{ kind: 'size', inode, size: Number(args[1]) }]);
      return undefined;
    }
    case 'rename':
      return rename(tape, at(undefined, args[0], false), at(undefined, args[1], false), '0', splitRename);
    case 'renameat':
    case 'renameat2':
      return rename(tape, at(args[0], args[1], false), at(args[2], args[3], false), args[4] ?? '0', splitRename);
    case 'link':
      return link(tape, at(undefined, args[0], false), at(undefined, args[1], false));
    case 'linkat':
      return link(tape, at(args[0], args[1], args[4]!.includes('AT_SYMLINK_FOLLOW')), at(args[2], args[3], false));
    case 'unlink':
    case 'rmdir':
    case 'unlinkat': {
      const place = name === 'unlinkat' ? at(args[0], args[1], false) : at(undefined, args[0], false);
      if (place === undefined) return undefined;
      const isDir = place.inode !== undefined && tape.inodes[place.inode]!.kind === 'dir';
      // No file system frees a directory on disk before the removal of its entries is on disk.
      const emptied = isDir ? tape.changesIn(place.inode!) : [];
      tape.unit(what(place), [{ kind: 'entry', dir: place.dir, name: place.name, to: undefined }], emptied);
      return undefined;
    }
    case 'symlink':
    case 'symlinkat': {
      const place = name === 'symlink' ? at(undefined, args[1], false) : at(args[1], args[2], false);
      if (place !== undefined)
        born(tape, pid, what(place), place, { kind: 'link', mode: 0o777, target: nameOf(args[0]) });
      return undefined;
    }
    case 'mkdir':
    case 'mkdirat': {
      const place = name === 'mkdir' ? at(undefined, args[0], false) : at(args[0], args[1], false);
      if (place !== undefined) born(tape, pid, what(place), place, { kind: 'dir', mode: octal(args.at(-1)) });
      return undefined;
    }
    case 'chmod':
      return attributes(tape, what, at(undefined, args[0], true)?.inode, { mode: octal(args[1]) });
    case 'fchmod':
      return attributes(tape, what, fd(args[0])?.inode, { mode: octal(args[1]) });
    case 'fchmodat':
    case 'fchmodat2':
      return attributes(tape, what, at(args[0], args[1], !args[3]?.includes('NOFOLLOW'))?.inode, {
        mode: octal(args[2]),
      });
    case 'chown':
    case 'lchown':
      return attributes(tape, what, at(undefined, args[0], name === 'chown')?.inode, owner(args[1], args[2]));
    case 'fchown':
      return attributes(tape, what, fd(args[0])?.inode, owner(args[1], args[2]));
    case 'fchownat':
      return attributes(
        tape,
        what,
        at(args[0], args[1], !args[4]?.includes('NOFOLLOW'))?.inode,
        owner(args[2], args[3]),
      );
    case 'fsync':
    case 'fdatasync': {
      const inode = fd(args[0])?.inode;
      if (inode === undefined) return undefined;
      const isDir = tape.inodes[inode]!.kind === 'dir';
      return { kind: 'flush', of: isDir ? 'dir' : name === 'fsync' ? 'file' : 'bytes', inode, what: what(inode) };
    }
    case 'syncfs': {
      const inode = fd(args[0])?.inode;
      return inode === undefined
        ? undefined
        : { kind: 'flush', of: 'device', device: tape.inodes[inode]!.device, what: what(inode) };
    }
    case 'sync':
      return { kind: 'flush', of: 'device', device: undefined, what: 'sync' };
    case 'ioctl':
      // A reflink would change a file without a write(2).
      if (/FICLONE|FIDEDUPERANGE|BTRFS/.test(args[1] ?? '') && fd(args[0])?.inode !== undefined) throw unknown(call);
      return undefined;
    case 'io_uring_setup':
      throw new Error('the program uses io_uring, which strace does not see: UV_USE_IO_URING=0');
    case 'fallocate':
    case 'pwritev2':
    case 'splice':
      if (fd(args[0])?.inode !== undefined) throw unknown(call);
      return undefined;
    case 'mknod':
      if (at(undefined, args[0], false) !== undefined) throw unknown(call);
      return undefined;
    case 'fsetxattr':
    case 'fremovexattr':
      return attribute(tape, what, fd(args[0])?.inode, call);
    case 'setxattr':
    case 'lsetxattr':
    case 'removexattr':
    case 'lremovexattr':
      return attribute(tape, what, at(undefined, args[0], !name.startsWith('l'))?.inode, call);
    case 'mknodat':
      if (at(args[0], args[1], false) !== undefined) throw unknown(call);
      return undefined;
    default:
      return undefined;
  }
}

const unknown = ({ name, args }: Call): Error =>
  new Error(`the replay does not know ${name}(${args.join(', ').slice(0, 200)})`);

function rename(tape: Tape, from: Place | undefined, to: Place | undefined, flags: string, split: boolean): undefined {
  if (from === undefined && to === undefined) return;
  if (from?.inode === undefined || to === undefined) throw new Error('a rename across the border of what is looked at');
  const what = `rename ${pathOf(tape, from.dir)}/${from.name} -> ${pathOf(tape, to.dir)}/${to.name}`;
  const isExchange = flags.includes('EXCHANGE');
  // Two names of one inode: rename(2) does nothing.
  if (from.inode === to.inode) return;
  const replaced = to.inode !== undefined && tape.inodes[to.inode]!.kind === 'dir' ? tape.changesIn(to.inode) : [];
  const gain: Effect = { kind: 'entry', dir: to.dir, name: to.name, to: from.inode };
  const loss: Effect = { kind: 'entry', dir: from.dir, name: from.name, to: isExchange ? to.inode : undefined };
  if (split && !isExchange && from.dir !== to.dir && tape.inodes[from.inode]!.kind !== 'dir') {
    tape.unit(`${what} (the new name)`, [gain], replaced);
    // The disk may have both names, but never none.
    tape.unit(`${what} (the old name)`, [loss], tape.changesIn(to.dir).slice(-1));
  } else tape.unit(what, [gain, loss], isExchange ? [] : replaced);
}

function link(tape: Tape, from: Place | undefined, to: Place | undefined): undefined {
  if (to === undefined) return;
  if (from?.inode === undefined) throw new Error('a link across the border of what is looked at');
  const what = `link ${pathOf(tape, from.inode)} -> ${pathOf(tape, to.dir)}/${to.name}`;
  tape.unit(what, [{ kind: 'entry', dir: to.dir, name: to.name, to: from.inode }]);
}

const octal = (text: string | undefined): number => Number.parseInt(text ?? '', 8);

/** -1 leaves it unchanged. */
const owner = (uid: string | undefined, gid: string | undefined) => ({
  ...(uid !== '-1' && uid !== '4294967295' && { uid: Number(uid) }),
  ...(gid !== '-1' && gid !== '4294967295' && { gid: Number(gid) }),
});

function attributes(
  tape: Tape,
  what: (inode: Id) => string,
  inode: Id | undefined,
  change: { readonly mode?: number; readonly uid?: number; readonly gid?: number },
): undefined {
  if (inode === undefined) return;
  const { born: first, mode, uid, gid } = node(tape.disk, inode);
  // chown(2) clears the set-id bits of a file, for root too.
  const cleared = first.kind !== 'file' ? mode : mode & ~0o4000 & ~((mode & 0o010) === 0 ? 0 : 0o2000);
  const kept = change.mode === undefined ? cleared : mode;
  tape.unit(what(inode), [{ kind: 'meta', inode, mode: kept, uid, gid, ...change }]);
}

/** cp(1) sets modes by an ACL that says no more than the mode. Other ACLs and attributes are not modelled. */
function attribute(tape: Tape, what: (inode: Id) => string, inode: Id | undefined, call: Call): undefined {
  if (inode === undefined) return;
  const name = nameOf(call.args[1]);
  if (!call.name.includes('remove')) {
    const mode = name === 'system.posix_acl_access' ? modeOfAcl(bytesOf(call.args[2])) : undefined;
    if (mode === undefined) throw unknown(call);
    attributes(tape, what, inode, { mode: (node(tape.disk, inode).mode & 0o7000) | mode });
  } else if (!name.startsWith('system.posix_acl')) throw unknown(call);
}

/**
 * acl(5) as the kernel stores it: a version, then entries of tag, permissions and id. Undefined if it says more than a
 * mode.
 */
function modeOfAcl(acl: Buffer): number | undefined {
  const shifts: Readonly<Record<number, number>> = { 1: 6, 4: 3, 32: 0 };
  let mode = 0;
  for (let at = 4; at < acl.length; at += 8) {
    const shift = shifts[acl.readUInt16LE(at)];
    if (shift === undefined) return undefined;
    mode |= acl.readUInt16LE(at + 2) << shift;
  }
  return mode;
}

function copyBetween(tape: Tape, { name, args, pid, result }: Call, what: (inode: Id) => string): void {
  const isRange = name === 'copy_file_range';
  const source = tape.processes.descriptor(tape, pid, args[isRange ? 0 : 1]);
  const target = tape.processes.descriptor(tape, pid, args[isRange ? 2 : 0]);
  if (target?.inode === undefined) return;
  const [from, to] = [args[isRange ? 1 : 2], isRange ? args[3] : 'NULL'];
  if (source?.inode === undefined) throw new Error(`${name} from outside of what is looked at`);
  const start = (arg: string | undefined, offset: number): number =>
    arg === 'NULL' || arg === undefined ? offset : Number(/\[(\d+)\]/.exec(arg)?.[1] ?? Number.NaN);
  const bytes = contentAt(tape, source.inode).subarray(start(from, source.offset)).subarray(0, result);
  tape.unit(what(target.inode), [{ kind: 'bytes', inode: target.inode, at: start(to, target.offset), bytes }]);
  if (from === 'NULL') source.offset += result;
  if (to === 'NULL') target.offset += result;
}
