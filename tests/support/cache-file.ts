// A dist/reflake.cache that scripts/build.mjs did not make: it names the build of a program, and holds another one.

/** Bytes, as in scripts/start.cjs. */
export const HEAD = 4096;

/** `source`: the body of the other program, less than 200 bytes. */
export function cacheOf(build: string, source: string): Buffer {
  const part = Buffer.from(`(function(){return{0(require){${source}}}})`);
  const sum = (Math.imul(part.length ^ part.readInt32LE(0), 0x01000193) + (part.length >>> 15)) >>> 0;
  const head = JSON.stringify({ build, parts: [[HEAD, 0, part.length, sum]] });
  return Buffer.concat([Buffer.from(head.padEnd(HEAD)), part]);
}

/** The build that scripts/build.mjs wrote into the program with this text. */
export function buildOf(program: string): string {
  const build = /BUILD ?= ?["']([0-9a-f]{64})["']/.exec(program)?.[1];
  if (build === undefined) throw new Error('the program does not say its build');
  return build;
}
