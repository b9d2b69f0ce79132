// NAR hashes: the trees of the vectors, and random ones.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashTree } from '../../core/host/disk/nar-walk.ts';
import { randomTrees } from '../core/formats/nar/random-trees.ts';
import { build, type TreeEntry } from '../fixtures/nar-build.mjs';
import { lastError, type RealNix } from './real-nix.ts';
import { RECORDED, type Some } from './sample.ts';
import type { Tally } from './tally.ts';

/** `nix hash path` of each tree; a refusal is a refusal, whatever it says. */
export function compareNar(tally: Tally, real: RealNix, some: Some): void {
  const file = new URL('../vectors/nar.json', import.meta.url);
  const { trees } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly trees: readonly { readonly name: string; readonly entries: readonly TreeEntry[] }[];
  };
  const random = some(randomTrees(150, 51)).map((entries, index) => ({ name: `random ${index}`, entries }));
  for (const { name, entries } of [...some(trees, RECORDED), ...random]) {
    const place = join(real.scratch, 'tree');
    build({ entries }, place);
    const { ok, out, said } = real.run(['hash', 'path', place]);
    const ours = hash(place, real);
    tally.same(`${name}: ${lastError(said)}`, ours, ok ? out.trim() : 'refused');
  }
}

function hash(place: string, { nix }: RealNix): string {
  try {
    return hashTree(place, nix === '2.34' ? {} : { depthLimit: Number.POSITIVE_INFINITY });
  } catch (error) {
    if (String((error as { code?: unknown }).code).startsWith('NAR_')) return 'refused';
    throw error;
  }
}
