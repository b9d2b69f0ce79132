// The inputs of a spec in one shape, however they are written.

import type { OverrideWish, WrittenSpec } from '../../schemas/spec.gen.ts';
import type { JsonPointer } from '../diagnostic.ts';
import { toPointer } from '../formats/json-pointer.ts';

/** One wish for an input. `urlPointer` leads to the url itself: the member, or the `url` inside it. */
export interface InputWishes {
  readonly name: string;
  readonly url: string;
  /** False for a source that is not a flake. */
  readonly flake: boolean;
  /** The overrides under its `inputs` and `follows`, at any depth, in the order of the spec. */
  readonly overrides: readonly Override[];
  readonly pointer: JsonPointer;
  readonly urlPointer: JsonPointer;
}

/** The replacement of an input of an input. */
export interface Override {
  /** Names, from the input downwards: `['b', 'c']` for input c of its input b. */
  readonly path: readonly string[];
  /** The path that it follows (`nixpkgs`, `a/b`; empty: dropped). */
  readonly follows?: Placed<string>;
  readonly url?: Placed<string>;
  readonly flake?: Placed<boolean>;
}

/** A value of the spec and where it stands. */
export interface Placed<Value> {
  readonly value: Value;
  readonly pointer: JsonPointer;
}

/** An input of the flake that is only a follows. */
export interface FollowingInput {
  readonly name: string;
  readonly target: string;
  readonly pointer: JsonPointer;
}

/** The inputs in the order of the spec. */
export const inputsOf = (spec: Pick<WrittenSpec, 'inputs' | 'follows'>): readonly InputWishes[] =>
  Object.entries(spec.inputs).map(([name, wish]) => {
    const keys = ['inputs', name];
    const pointer = toPointer(keys);
    if (typeof wish === 'string') return { name, url: wish, flake: true, overrides: [], pointer, urlPointer: pointer };
    const { url, flake = true, follows = {}, inputs = {} } = wish;
    const short = Object.entries(follows).map(
      ([input, value]): Override => ({
        path: [input],
        follows: { value, pointer: toPointer([...keys, 'follows', input]) },
      }),
    );
    return {
      name,
      url,
      flake,
      overrides: [...short, ...overridesIn(inputs, [], keys)],
      pointer,
      urlPointer: `${pointer}/url`,
    };
  });

function overridesIn(
  inputs: Readonly<Record<string, OverrideWish>>,
  above: readonly string[],
  keys: readonly string[],
): readonly Override[] {
  return Object.entries(inputs).flatMap(([name, wish]) => {
    const path = [...above, name];
    const own = [...keys, 'inputs', name];
    if (typeof wish === 'string') return [{ path, url: { value: wish, pointer: toPointer(own) } }];
    const { url, flake, follows, inputs: inner = {} } = wish;
    const placed = <Value>(key: string, value: Value): Placed<Value> => ({ value, pointer: toPointer([...own, key]) });
    const said: Override = {
      path,
      ...(url !== undefined && { url: placed('url', url) }),
      ...(flake !== undefined && { flake: placed('flake', flake) }),
      ...(follows !== undefined && { follows: placed('follows', follows) }),
    };
    return [said, ...overridesIn(inner, path, own)];
  });
}

/** Those of the top level. */
export const followingInputsOf = (spec: Pick<WrittenSpec, 'inputs' | 'follows'>): readonly FollowingInput[] =>
  Object.entries(spec.follows ?? {}).map(([name, target]) => ({ name, target, pointer: toPointer(['follows', name]) }));
