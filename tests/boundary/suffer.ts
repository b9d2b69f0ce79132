// The tests of one kind of scenes: the real program over each hostile tree, as the real / and under --root. Nothing of
// root's or of a third user's may be changed, given away or shown, and every command ends and says why in words.
import { describe, expect, test } from '@jest/globals';
import { howOf, wordsFor } from './draw.ts';
import { ground } from './ground.ts';
import { isReal, layoutOf, SCENES, type Scene } from './scenes.ts';

/** Exit codes that a command may have, whatever its input. */
const KNOWN = [0, 1, 2, 3, 4, 5, 6, 64, 65];

async function harmOf(scene: Scene, prefix: '' | '/m'): Promise<readonly string[]> {
  const place = await ground(prefix, layoutOf(scene), scene.spec);
  try {
    const how = howOf(scene, place);
    place.begin();
    const said = [];
    for (const words of scene.words ?? [['plan'], ['apply', '--yes']])
      said.push(await place.run(wordsFor(scene, place, words), how));
    const strange = said.filter(({ code }) => code !== null && !KNOWN.includes(code));
    return [...place.harm(said), ...strange.map(({ code, out }) => `exit ${code}: ${out.slice(0, 400)}`)];
  } finally {
    await place.remove();
  }
}

/** Declares the tests of a kind. */
export function suffers(kind: Scene['kind']): void {
  const ours = SCENES.filter((scene) => scene.kind === kind).map((scene) => [scene.name, scene] as const);
  describe(kind, () => {
    test.each(ours)('%s', async (_name, scene) => expect(await harmOf(scene, '')).toEqual([]), 240_000);
    const rooted = ours.filter(([, scene]) => !isReal(scene));
    if (rooted.length > 0)
      test.each(rooted)(
        '%s (under --root)',
        async (_name, scene) => expect(await harmOf(scene, '/m')).toEqual([]),
        240_000,
      );
  });
}
