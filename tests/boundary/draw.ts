// Draws hostile trees from a seed: mixtures of the scenes' oddities, with commands, a caller and a machine; and tries
// one.

import { type Ground, ground, type How, type Ran } from './ground.ts';
import { type Judged, judged, planFile, type Violation } from './oracle.ts';
import { isReal, layoutOf, SCENES, type Scene } from './scenes.ts';

export interface Draw {
  readonly title: string;
  readonly scene: Scene;
  readonly prefix: '' | '/m';
  readonly commands: readonly (readonly string[])[];
}

export interface Tried {
  readonly violations: readonly Violation[];
  readonly harm: readonly string[];
  readonly calls: number;
  readonly commands: number;
  readonly said: readonly Ran[];
}

/** mulberry32: the same numbers for the same seed on every machine. */
function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** One to three oddities without a race; each is equally likely. */
export function drawn(seed: number): Draw {
  const next = numbers(seed);
  const still = SCENES.filter((scene) => scene.attacker === undefined && !isReal(scene));
  const parts = Array.from({ length: 1 + next(3) }, () => still[next(still.length)]!);
  const base = next(4) === 0 ? 'moving' : 'own';
  const more = Object.assign({}, ...parts.map((part) => part.more)) as Scene['more'];
  // The spec of the first oddity that has one: two specs could contradict each other.
  const spec = parts.find((part) => part.spec !== undefined)?.spec;
  const caller = next(4) === 0 ? 'root' : 'sudo';
  const prefix = next(3) === 0 ? '/m' : '';
  const scene: Scene = {
    kind: parts[0]!.kind,
    name: parts.map((part) => `${part.kind} ${part.name}`).join(' + '),
    base,
    more,
    caller,
    ...(spec && { spec }),
  };
  const looks = [
    ['check'],
    ['history'],
    ['show', '1'],
    ['init', '--yes', '--spec', next(2) === 0 ? '/opt/spec/new.yaml' : 'new.yaml'],
  ];
  const commands = [
    ...(next(2) === 0 ? [looks[next(looks.length)]!] : []),
    ['apply', '--yes'],
    ...(next(2) === 0 ? [['rollback', '--yes']] : [['recover'], ['check']]),
  ];
  return {
    title: `seed ${seed}: ${scene.name}, ${base}, ${caller}${prefix && `, --root ${prefix}`}`,
    scene,
    prefix,
    commands,
  };
}

/** The way to start a scene's commands; first puts its program in place. */
export function howOf(scene: Scene, place: Ground): How {
  if (scene.program !== undefined) place.install(scene.program);
  return {
    caller: scene.caller ?? 'sudo',
    attacker: scene.attacker,
    ...(scene.found !== undefined && { cwd: scene.found }),
    ...(scene.program !== undefined && { program: scene.program }),
  };
}

/** Adds the trusted spec if the command takes one, unless the scene has the spec found. */
export function wordsFor(scene: Scene, place: Ground, words: readonly string[]): readonly string[] {
  const takesNone = words.includes('--spec') || ['history', 'show', 'recover', 'rollback'].includes(words[0]!);
  return takesNone || scene.found !== undefined ? words : [...words, '--spec', place.spec];
}

/** Lays the tree out, saves a plan, and runs the commands, each under the oracle. */
export async function tried({ scene, prefix, commands }: Draw): Promise<Tried> {
  const place = await ground(prefix, layoutOf(scene), scene.spec);
  try {
    place.begin();
    const how = howOf(scene, place);
    const config = scene.spec?.config as { path?: string; from?: string } | undefined;
    const wished =
      scene.found === undefined ? { path: config?.path ?? '~/nixos-config', from: config?.from ?? '/etc/nixos' } : {};
    const all: Judged[] = [];
    for (const words of [['plan', '--out', planFile(how)], ...commands]) {
      all.push(await judged(place, wordsFor(scene, place, words), wished, how));
    }
    const said = all.map(({ ran }) => ran);
    return {
      violations: all.flatMap(({ violations }) => violations),
      harm: place.harm(said),
      calls: all.reduce((sum, { calls }) => sum + calls, 0),
      commands: all.length,
      said,
    };
  } finally {
    await place.remove();
  }
}
