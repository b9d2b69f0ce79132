#!/usr/bin/env node
// Starts reflake, whose program stands below, in this file's comments: Node would read it twice otherwise, once to find
// its end and once to run it. Where the build left dist/reflake.cache beside it, V8 takes the compiled program from there.
'use strict';
const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { Script } = require('node:vm');

// Filled in by scripts/build.mjs: the digest of the program, which the cache must name, and where the program begins.
const PROGRAM = '@program@';
const BEGIN = Number('@begin@');

const source = readFileSync(__filename, 'latin1').slice(BEGIN).replaceAll('\n//', '\n');
let cachedData;
try {
  const cache = readFileSync(__filename.replace(/cjs$/, 'cache'));
  // V8 itself refuses what another V8 made, but of the source it compares the length only, and damage would crash it.
  const [made, sum, compiled] = [cache.latin1Slice(0, 64), cache.latin1Slice(64, 128), cache.subarray(128)];
  if (made === PROGRAM && sum === createHash('sha256').update(compiled).digest('hex')) cachedData = compiled;
} catch {
  // No cache: it is only there to be faster.
}
const script = new Script(source, { filename: __filename, cachedData });
script.runInThisContext()(require, module, exports, __filename);
