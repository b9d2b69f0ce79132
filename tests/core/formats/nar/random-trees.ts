// Random directory trees for the NAR tests: odd names, sizes around the borders of blocks, modes and links.
import fc from 'fast-check';
import type { TreeEntry } from '../../../fixtures/nar-build.mjs';

const name = fc.oneof(
  fc
    .constantFrom('a', 'b', 'a.b', 'a-b', 'A', '.git', '.', 'ü', '\u{1f600}', '\uffff', 'x y', '-')
    .filter((one) => one !== '.'),
  fc.string({ minLength: 1, maxLength: 4 }).filter((one) => !/^\.\.?$|[/\0]|[\ud800-\udfff]/.test(one)),
);
const leaf = fc.oneof(
  fc.record({
    t: fc.constant('f' as const),
    gen: fc.record({ size: fc.constantFrom(0, 1, 7, 8, 9, 63, 4096, 32_769, 65_536, 200_000), seed: fc.nat(99) }),
    mode: fc.constantFrom('644', '755', '600', '711', '100', '011', '4755'),
  }),
  fc.record({ t: fc.constant('l' as const), to: fc.constantFrom('x', '../y', '/nix', 'ä') }),
  fc.record({ t: fc.constant('d' as const) }),
);
/** A directory: entries as the builder of the fixtures takes them. */
export const randomTree: fc.Arbitrary<readonly TreeEntry[]> = fc
  .array(fc.tuple(fc.array(name, { minLength: 1, maxLength: 3 }), leaf), { maxLength: 8 })
  .map((drawn) => {
    const entries = drawn.map(([path, node]) => ({ ...node, p: path.join('/') }));
    return entries.filter(
      (one, i) => !entries.some((other, j) => i !== j && (other.p === one.p ? j < i : other.p.startsWith(`${one.p}/`))),
    );
  });

/** `count` of them, the same for the same seed. */
export function randomTrees(count: number, seed: number): readonly (readonly TreeEntry[])[] {
  return fc.sample(randomTree, { numRuns: count, seed });
}
