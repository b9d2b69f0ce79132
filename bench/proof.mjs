// The comparison of two systems of 2,000 derivations of which 50 differ: the texts read, compared and told, in this process.

const COUNT = 2000;
const DIFFERENT = 50;

/** What is measured, as a module. */
export const PROOF = `
  export { systemOf, readerOf } from './tests/core/proof/systems.ts';
  export { causesOf } from './core/proof/causes.ts';
`;

/** Milliseconds of each comparison; the first one is cold, as that of a command is. */
export function comparisons({ systemOf, readerOf, causesOf }, rounds) {
  // Ten layers, in which every part needs ten of the layer below; texts as long as real ones.
  const layer = COUNT / 10;
  const plain = Array.from({ length: COUNT }, (_, index) => ({
    name: `part-${'x'.repeat(index % 7)}${index.toString(36)}z`,
    needs: index < layer ? [] : Array.from({ length: 10 }, (_, at) => `${index - layer + ((at * 7) % 20) - 10}`),
    env: { text: `${'a line of text that is like others\n'.repeat(60)}${index}` },
  }));
  const named = plain.map((one, index) => ({
    ...one,
    needs: [...new Set(one.needs.map((at) => plain[Math.min(Math.max(0, Number(at)), index - 1)].name))],
  }));
  const top = { name: 'top', needs: named.slice(-layer).map(({ name }) => name), env: {} };
  const from = systemOf([...named, top]);
  // The upper layers hold what is changed, as a label does: all that stands on it differs as well.
  const changed = new Set(Array.from({ length: DIFFERENT - 1 }, (_, at) => COUNT - 1 - at * 4));
  const to = systemOf([
    ...named.map((one, index) => (changed.has(index) ? { ...one, env: { ...one.env, changed: `${index}` } } : one)),
    top,
  ]);
  return Array.from({ length: rounds }, () => {
    const begun = performance.now();
    const causes = causesOf({ from: from.top, to: to.top }, readerOf(from, to));
    const took = performance.now() - begun;
    if (causes.length !== DIFFERENT - 1) throw new Error(`${causes.length} causes , not ${DIFFERENT - 1}`);
    return took;
  });
}
