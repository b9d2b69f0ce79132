#!/usr/bin/env node
// Starts reflake, whose parts stand below, compressed: Node reads and scans this whole file at each start, comments too. A part
// holds modules that are needed together, and is read when one of them is asked for. Where the build left dist/reflake.cache
// beside it, parts are taken from there as they are, and with what V8 had compiled of them; but only where nobody else can
// have written it.
'use strict';
const { closeSync, constants, fstatSync, lstatSync, openSync, readSync } = require('node:fs');
const { dirname } = require('node:path');
const { Script } = require('node:vm');
const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY, S_IFDIR, S_IFMT, S_IFREG } = constants;

// Filled in by scripts/build.mjs. The build is the digest of all parts, and the cache must name it.
const BUILD = '@build@';
const PARTS_BEGIN = Number('@begin@');
/** Of each part, where it is behind PARTS_BEGIN, and its length. */
const PARTS = JSON.parse('@parts@');
/** The part of each module. */
const PART_OF = JSON.parse('@modules@');
/**
 * Bytes of JSON at the beginning of the cache, padded: its build, and of each part where it begins, the lengths of what was compiled
 * and of the source, and a checksum.
 */
const HEAD = 4096;

// Open as long as we run: what is loaded later is of the same build, whatever is installed meanwhile.
const cache = openedCache();
const parts = [];
const modules = [];
/** What `import.meta` is there. */
const meta = {
  get url() {
    return require('node:url').pathToFileURL(__filename).href;
  },
};
load(0);

/** A module of the program; what it asks for is one by its number, or one of Node's. */
function load(name) {
  if (typeof name !== 'number') return require(name);
  if (modules[name] !== undefined) return modules[name];
  const exports = {};
  modules[name] = exports;
  const part = PART_OF[name];
  parts[part] ??= started(part);
  parts[part][name](load, exports);
  return exports;
}

function started(part) {
  const { source, cachedData } = cached(part) ?? { source: inflated(PARTS[part]) };
  return new Script(source, { filename: __filename, cachedData }).runInThisContext()(meta);
}

/** V8 itself refuses what another V8 made, but of the source it compares the length only, and damage would crash it. */
function cached(part) {
  if (cache === undefined) return undefined;
  try {
    const [begin, compiled, length, sum] = cache.parts[part];
    const bytes = piece(cache.fd, begin, compiled + length);
    if (checksum(bytes) !== sum) return undefined;
    return { source: bytes.latin1Slice(compiled), cachedData: bytes.subarray(0, compiled) };
  } catch {
    // A piece of a cache: it is only there to be faster.
    return undefined;
  }
}

/**
 * One word of each 256 bytes: what a disk loses is whole sectors, and whoever changes bytes on purpose could write a digest as
 * well. A digest of all of it would cost more than the rest of this file: node:crypto is large.
 */
function checksum(bytes) {
  const words = new Int32Array(bytes.buffer, 0, bytes.length >> 2);
  let sum = bytes.length;
  for (let at = 0; at < words.length; at += 64) sum = Math.imul(sum ^ words[at], 0x01000193) + (sum >>> 15);
  return sum >>> 0;
}

/** Undefined: there is none, it is of another build, or others can write it. */
function openedCache() {
  let fd;
  try {
    fd = openCache();
    const { build, parts } = JSON.parse(piece(fd, 0, HEAD).latin1Slice());
    if (build === BUILD) return { fd, parts };
  } catch {}
  if (fd !== undefined) closeSync(fd);
  return undefined;
}

/**
 * The cache is code, and its checksum is only its own word: whoever can write it decides what runs. So program, cache and
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

function inflated([begin, length]) {
  const { inflateRawSync } = require('node:zlib');
  const fd = openSync(__filename, O_RDONLY);
  try {
    return inflateRawSync(Buffer.from(piece(fd, PARTS_BEGIN + begin, length).latin1Slice(), 'base64')).latin1Slice();
  } finally {
    closeSync(fd);
  }
}

function piece(fd, begin, length) {
  const bytes = Buffer.allocUnsafeSlow(length);
  if (readSync(fd, bytes, 0, length, begin) !== length) throw new Error(`${__filename} or its cache is damaged`);
  return bytes;
}
