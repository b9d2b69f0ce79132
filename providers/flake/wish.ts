// What the spec says of inputs as a wish for flake.nix, and where each part of it stands in the spec.

import type { JsonPointer } from '../../core/diagnostic.ts';
import type { InputWish } from '../../core/formats/flake/wish.ts';
import { toPointer } from '../../core/formats/json-pointer.ts';
import type { FollowingInput, InputWishes } from '../../core/spec/inputs.ts';
import type { Spec } from '../../core/spec/load.ts';

/** The wish for one input. Only what the spec says: `flake` is not reconciled where it is not written. */
export function wishFor({ name, url, overrides }: InputWishes, spec: Spec): InputWish {
  const written = spec.inputs[name];
  const said = typeof written === 'object' ? written.flake : undefined;
  const follows = overrides.flatMap(({ path, follows: one }) => (one ? [[path.join('/'), one.value] as const] : []));
  const sources = overrides.flatMap(({ path, url: source, flake: isFlake }) =>
    source || isFlake
      ? [[path.join('/'), { ...(source && { url: source.value }), ...(isFlake && { flake: isFlake.value }) }] as const]
      : [],
  );
  return {
    name,
    url,
    ...(said !== undefined && { flake: said }),
    ...(follows.length > 0 && { follows: Object.fromEntries(follows) }),
    ...(sources.length > 0 && { overrides: Object.fromEntries(sources) }),
  };
}

/** Where the editor's pointers lead in the spec, which has more than one spelling for what they mean. */
export function leavesOf(
  inputs: readonly InputWishes[],
  follows: readonly FollowingInput[],
): (pointer: string) => JsonPointer {
  const leaves = new Map(follows.map(({ name, pointer }) => [toPointer(['inputs', name]), pointer]));
  for (const { name, pointer, urlPointer, overrides } of inputs) {
    leaves.set(pointer, urlPointer);
    for (const { path, url, flake: isFlake, follows: followed } of overrides) {
      const key = path.join('/');
      if (url) leaves.set(toPointer(['inputs', name, 'inputs', key, 'url']), url.pointer);
      if (isFlake) leaves.set(toPointer(['inputs', name, 'inputs', key, 'flake']), isFlake.pointer);
      if (followed) leaves.set(toPointer(['inputs', name, 'follows', key]), followed.pointer);
    }
  }
  return (pointer) => leaves.get(pointer) ?? pointer;
}
