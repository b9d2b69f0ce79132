// Turns the inputs of a spec into a wish for flake.nix, and maps its parts back to the spec.

import type { JsonPointer } from '../../core/diagnostic.ts';
import type { OpenedFlake } from '../../core/formats/flake/flake.ts';
import type { FlakeWish, InputWish } from '../../core/formats/flake/wish.ts';
import { toPointer } from '../../core/formats/json-pointer.ts';
import type { FollowingInput, InputWishes } from '../../core/spec/inputs.ts';
import type { Spec } from '../../core/spec/load.ts';

/** The wish for one input, as far as the spec states it: `flake` is reconciled only if it is written. */
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

/** The wish without acknowledged parts: such a url is wished as declared, and an input that is not declared is not wished. */
export function withoutLeft(
  wish: Required<FlakeWish>,
  leftAlone: ReadonlySet<JsonPointer>,
  leafOf: LeafOf,
  opened: OpenedFlake,
): FlakeWish {
  if (leftAlone.size === 0) return wish;
  const isLeft = (...keys: readonly string[]): boolean => leftAlone.has(leafOf(toPointer(keys)));
  const inputs = wish.inputs.flatMap(({ flake, follows = {}, overrides = {}, ...input }): InputWish[] => {
    const { name } = input;
    const ref = opened.ok ? opened.flake.inputs.find((one) => one.name === name)?.ref : undefined;
    const isOwn = isLeft('inputs', name);
    if (isOwn && (input.url === undefined || ref?.kind !== 'url')) return [];
    const kept = Object.entries(overrides).flatMap(([key, { url, flake: isFlake }]) => {
      const said = {
        ...(url !== undefined && !isLeft('inputs', name, 'inputs', key, 'url') && { url }),
        ...(isFlake !== undefined && !isLeft('inputs', name, 'inputs', key, 'flake') && { flake: isFlake }),
      };
      return Object.keys(said).length === 0 ? [] : [[key, said] as const];
    });
    return [
      {
        ...input,
        ...(isOwn && ref?.kind === 'url' && { url: ref.url }),
        ...(flake !== undefined && !isLeft('inputs', name, 'flake') && { flake }),
        follows: Object.fromEntries(Object.entries(follows).filter(([key]) => !isLeft('inputs', name, 'follows', key))),
        overrides: Object.fromEntries(kept),
      },
    ];
  });
  if (leftAlone.has('/host/name')) return { inputs };
  const { name, system, modules } = wish.host;
  return {
    inputs,
    host: {
      name,
      ...(system !== undefined && !leftAlone.has('/host/system') && { system }),
      ...(modules && !leftAlone.has('/config/modules') && { modules }),
    },
  };
}

/** The leaf of the spec that a pointer of the editor means. */
export type LeafOf = (pointer: string) => JsonPointer;

/** The pointers into the spec for the editor's pointers; the spec may spell one part in several ways. */
export function leavesOf(inputs: readonly InputWishes[], follows: readonly FollowingInput[], spec: Spec): LeafOf {
  const leaves = new Map(follows.map(({ name, pointer }) => [toPointer(['inputs', name]), pointer]));
  // The host's name in flake.nix is wished by host.attribute if that is written, else by host.name.
  if (spec.host.attribute !== undefined) leaves.set('/host/name', '/host/attribute');
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
