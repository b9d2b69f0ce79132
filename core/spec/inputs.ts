// The inputs of a spec in one shape, however they are written.

import type { Spec } from '../../schemas/spec.gen.ts';
import type { JsonPointer } from '../diagnostic.ts';
import { toPointer } from '../formats/json-pointer.ts';

/** One wish for an input. `urlPointer` leads to the url itself: the member, or the `url` inside it. */
export interface InputWishes {
  readonly name: string;
  readonly url: string;
  /** False for a source that is not a flake. */
  readonly flake: boolean;
  /** Name of the input's own input to the path that it follows (`nixpkgs`, `a/b`; empty: dropped). */
  readonly follows: Readonly<Record<string, string>>;
  readonly pointer: JsonPointer;
  readonly urlPointer: JsonPointer;
}

/** The inputs in the order of the spec. */
export const inputsOf = (spec: Spec): readonly InputWishes[] =>
  Object.entries(spec.inputs).map(([name, wish]) => {
    const pointer = toPointer(['inputs', name]);
    if (typeof wish === 'string') return { name, url: wish, flake: true, follows: {}, pointer, urlPointer: pointer };
    const { url, flake = true, follows = {} } = wish;
    return { name, url, flake, follows, pointer, urlPointer: `${pointer}/url` };
  });
