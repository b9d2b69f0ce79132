#!/usr/bin/env node
// Starts reflake. The parts of the program stand below, compressed, since Node scans this whole file at each start. A part has
// modules that are needed together, and is read when one of them is required. If the build left dist/reflake.cache beside this
// file, parts come from there, uncompressed and with V8's code; but only if nobody else can have written the cache.
'use strict';
const { closeSync, constants, fstatSync, lstatSync, openSync, readSync } = require('node:fs');
const { dirname } = require('node:path');
const { Script } = require('node:vm');
const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY, S_IFDIR, S_IFMT, S_IFREG } = constants;

// scripts/build.mjs fills these in. BUILD is the digest of all parts, and the cache must name it.
const BUILD = '@build@';
const PARTS_BEGIN = Number('@begin@');
/** The offset of each part behind PARTS_BEGIN, and its length. */
const PARTS = JSON.parse('@parts@');
/** The part of each module. */
const PART_OF = JSON.parse('@modules@');
/**
 * The cache begins with this many bytes of padded JSON: its build, and for each part its offset, the lengths of its compiled
 * code and of its source, and a checksum.
 */
const HEAD = 4096;

// Stays open while we run, so that a part loaded later is of the same build even if another one is installed meanwhile.
const cache = openedCache();
const parts = [];
const modules = [];
/** `import.meta` of the parts. */
const meta = {
  get url() {
    return require('node:url').pathToFileURL(__filename).href;
  },
};
load(0);

/** The require() of the parts: a module of the program by its number, or one of Node's by its name. */
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

/** A part from the cache. V8 refuses another V8's code, but compares only the length of the source; damage can crash it. */
function cached(part) {
  if (cache === undefined) return undefined;
  try {
    const [begin, compiled, length, sum] = cache.parts[part];
    const bytes = piece(cache.fd, begin, compiled + length);
    if (checksum(bytes) !== sum) return undefined;
    return { source: bytes.latin1Slice(compiled), cachedData: bytes.subarray(0, compiled) };
  } catch {
    // An unreadable cache only makes the start slower.
    return undefined;
  }
}

/**
 * A sum of one word in each 256 bytes. It finds damage: a disk loses whole sectors. Against an attacker a digest would not help
 * either, as they could write it too; and to load node:crypto would cost more than the rest of this file.
 */
function checksum(bytes) {
  const words = new Int32Array(bytes.buffer, 0, bytes.length >> 2);
  let sum = bytes.length;
  for (let at = 0; at < words.length; at += 64) sum = Math.imul(sum ^ words[at], 0x01000193) + (sum >>> 15);
  return sum >>> 0;
}

/** The open cache. Undefined: there is none, it is of another build, or others can write it. */
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
 * Opens the cache. It is code, and a user who can write it decides what runs. So program, cache and their directory must belong
 * to one owner, and nobody else may write them. For root the owner is root, and the same holds for every directory above. The
 * directory is checked first: after that nobody else can replace a file in it.
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
    // In a sticky directory of root's nobody else can rename or remove root's files.
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
