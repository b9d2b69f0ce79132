#!/usr/bin/env node
// Starts reflake, which stands below, compressed: Node reads and scans this whole file at each start, comments too. It is two
// programs: what is needed at once, and what is imported on demand, which is read only then. Where the build left
// dist/reflake.cache beside it, both are taken from there as they are, and with what V8 had compiled of them.
'use strict';
const { createHash } = require('node:crypto');
const { closeSync, openSync, readSync } = require('node:fs');
const { Script } = require('node:vm');

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
  try {
    const file = __filename.replace(/cjs$/, 'cache');
    const head = piece(file, section * HEAD, HEAD).latin1Slice();
    if (head.slice(0, 64) !== digest) return undefined;
    const [begin, compiled, length] = [head.slice(128, 136), head.slice(136, 144), head.slice(144)].map(Number);
    const bytes = piece(file, begin, compiled + length);
    if (head.slice(64, 128) !== createHash('sha256').update(bytes).digest('hex')) return undefined;
    return { source: bytes.latin1Slice(compiled), cachedData: bytes.subarray(0, compiled) };
  } catch {
    // No cache, or a piece of one: it is only there to be faster.
    return undefined;
  }
}

function inflated({ begin, length }) {
  const { inflateRawSync } = require('node:zlib');
  return inflateRawSync(Buffer.from(piece(__filename, begin, length).latin1Slice(), 'base64')).latin1Slice();
}

function piece(file, begin, length) {
  const fd = openSync(file, 'r');
  try {
    const bytes = Buffer.allocUnsafeSlow(length);
    if (readSync(fd, bytes, 0, length, begin) !== length) throw new Error(`${file} is damaged`);
    return bytes;
  } finally {
    closeSync(fd);
  }
}
