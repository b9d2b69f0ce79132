#!/usr/bin/env node
// Starts reflake, which stands below, compressed: Node reads and scans this whole file at each start, comments too. It is two
// programs: what is needed at once, and what is imported on demand, which is read only then. Where the build left
// dist/reflake.cache beside it, both are taken from there as they are, and with what V8 had compiled of them;
// but only where nobody else can have written it.
'use strict';
const { createHash } = require('node:crypto');
const { closeSync, constants, fstatSync, lstatSync, openSync, readSync } = require('node:fs');
const { dirname } = require('node:path');
const { Script } = require('node:vm');
const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY, S_IFDIR, S_IFMT, S_IFREG } = constants;

// Filled in by scripts/build.mjs. The digest is of the program, and the cache must name it.
const AT_ONCE = { begin: Number('@begin0@'), length: Number('@length0@'), digest: '@digest0@', section: 0 };
const ON_DEMAND = { begin: Number('@begin1@'), length: Number('@length1@'), digest: '@digest1@', section: 1 };
/** Of each program the cache says first: its digest, that of its section, where that begins; the lengths of compiled and source. */
const HEAD = 64 + 64 + 8 + 8 + 8;

const program = { exports: {} };
let onDemand;
start(AT_ONCE, program, (name) => {
  if (!name.startsWith('later:')) return require(name);
  onDemand ??= start(ON_DEMAND, { exports: {} }, (other) =>
    other.startsWith('shared:') ? program.exports.shared[other.slice('shared:'.length)] : require(other),
  );
  return onDemand[name.slice('later:'.length)]();
});

function start(one, module, require) {
  const { source, cachedData } = cached(one) ?? { source: inflated(one) };
  const script = new Script(source, { filename: __filename, cachedData });
  script.runInThisContext()(require, module, module.exports, __filename);
  return module.exports;
}

/** V8 itself refuses what another V8 made, but of the source it compares the length only, and damage would crash it. */
function cached({ digest, section }) {
  let fd;
  try {
    fd = openCache();
    const head = piece(fd, section * HEAD, HEAD).latin1Slice();
    if (head.slice(0, 64) !== digest) return undefined;
    const [begin, compiled, length] = [head.slice(128, 136), head.slice(136, 144), head.slice(144)].map(Number);
    const bytes = piece(fd, begin, compiled + length);
    if (head.slice(64, 128) !== createHash('sha256').update(bytes).digest('hex')) return undefined;
    return { source: bytes.latin1Slice(compiled), cachedData: bytes.subarray(0, compiled) };
  } catch {
    // No cache, a piece of one, or one that others can write: it is only there to be faster.
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/**
 * The cache is code, and its digests are only its own word: whoever can write it decides what runs. So program, cache and
 * their directory must belong to one owner, and nobody else may write them. For root that owner is root, and the same holds
 * for every directory above. The directory is asked first: nobody else can swap a file in it after that.
 */
function openCache() {
  const isRoot = process.geteuid() === 0;
  const program = lstatSync(__filename);
  const owner = isRoot ? 0 : program.uid;
  mustBelong(program, owner, S_IFREG);
  let dir = dirname(__filename);
  mustBelong(lstatSync(dir), owner, S_IFDIR);
  while (isRoot && dir !== '/') {
    dir = dirname(dir);
    const above = lstatSync(dir);
    // In a sticky directory of root's nobody else can rename or remove what is root's.
    mustBelong(above.mode & 0o1000 ? { ...above, mode: above.mode & ~0o022 } : above, owner, S_IFDIR);
  }
  const fd = openSync(__filename.replace(/cjs$/, 'cache'), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    mustBelong(fstatSync(fd), owner, S_IFREG);
    return fd;
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
}

function mustBelong({ uid, gid, mode }, owner, type) {
  const others = gid === 0 ? 0o002 : 0o022;
  if (uid !== owner || (mode & S_IFMT) !== type || (mode & others) !== 0) throw new Error('others can write it');
}

function inflated({ begin, length }) {
  const { inflateRawSync } = require('node:zlib');
  const fd = openSync(__filename, O_RDONLY);
  try {
    return inflateRawSync(Buffer.from(piece(fd, begin, length).latin1Slice(), 'base64')).latin1Slice();
  } finally {
    closeSync(fd);
  }
}

function piece(fd, begin, length) {
  const bytes = Buffer.allocUnsafeSlow(length);
  if (readSync(fd, bytes, 0, length, begin) !== length) throw new Error(`${__filename} or its cache is damaged`);
  return bytes;
}
