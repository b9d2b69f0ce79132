#!/usr/bin/env node
// Starts reflake, which stands below in this file's comments: Node would read it twice otherwise, once to find its end and
// once to run it. It is two programs: what is needed at once, and what is imported on demand, which is read only then.
// Where the build left dist/reflake.cache beside it, V8 takes them compiled from there.
'use strict';
const { createHash } = require('node:crypto');
const { closeSync, openSync, readSync } = require('node:fs');
const { Script } = require('node:vm');

// Filled in by scripts/build.mjs. The digest is of the program, and the cache must name it.
const AT_ONCE = { begin: Number('@begin0@'), length: Number('@length0@'), digest: '@digest0@', section: 0 };
const ON_DEMAND = { begin: Number('@begin1@'), length: Number('@length1@'), digest: '@digest1@', section: 1 };
/** Of each program the cache says first: digest of the program, digest of what was compiled, where that begins, its length. */
const HEAD = 64 + 64 + 8 + 8;

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
  const source = piece(__filename, one.begin, one.length).latin1Slice().replaceAll('\n//', '\n');
  const script = new Script(source, { filename: __filename, cachedData: compiled(one) });
  script.runInThisContext()(require, module, module.exports, __filename);
  return module.exports;
}

/** V8 itself refuses what another V8 made, but of the source it compares the length only, and damage would crash it. */
function compiled({ digest, section }) {
  try {
    const cache = __filename.replace(/cjs$/, 'cache');
    const head = piece(cache, section * HEAD, HEAD).latin1Slice();
    if (head.slice(0, 64) !== digest) return undefined;
    const bytes = piece(cache, Number(head.slice(128, 136)), Number(head.slice(136)));
    return head.slice(64, 128) === createHash('sha256').update(bytes).digest('hex') ? bytes : undefined;
  } catch {
    // No cache, or a piece of one: it is only there to be faster.
    return undefined;
  }
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
