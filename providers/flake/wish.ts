// Turns the inputs of a spec into a wish for flake.nix, and maps its parts back to the spec.

import type { JsonPointer } from '../../core/diagnostic.ts';
import type { OpenedFlake } from '../../core/formats/flake/flake.ts';
import type { FlakeWish, HostWish, InputWish } from '../../core/formats/flake/wish.ts';
import { toPointer } from '../../core/formats/json-pointer.ts';
import { keyOf } from '../../core/leaf.ts';
import type { HostView, Spec } from '../../core/spec/hosts-over-defaults.ts';
import type { FollowingInput, InputWishes } from '../../core/spec/inputs.ts';

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

interface Left {
  readonly wish: Required<FlakeWish>;
  /** By `keyOf`. */
  readonly leftAlone: ReadonlySet<JsonPointer>;
  readonly leafOf: LeafOf;
  /** The name in the spec of each host, by its attribute; none of a spec about one. */
  readonly keys: ReadonlyMap<string, string>;
}

/** The wish without acknowledged parts: such a url is wished as declared, and an input that is not declared is not wished. */
export function withoutLeft({ wish, leftAlone, leafOf, keys }: Left, opened: OpenedFlake): FlakeWish {
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
  const hosts = wish.hosts.flatMap(({ name, system, modules }): HostWish[] => {
    const key = keys.get(name);
    const isHostsLeft = (leaf: JsonPointer): boolean =>
      leftAlone.has(keyOf({ wish: leaf, ...(key !== undefined && { host: key }) }));
    if (isHostsLeft('/host/name')) return [];
    return [
      {
        name,
        ...(system !== undefined && !isHostsLeft('/host/system') && { system }),
        ...(modules && !isHostsLeft('/config/modules') && { modules }),
      },
    ];
  });
  return { inputs, hosts, gone: wish.gone.filter((name) => !leftAlone.has(toPointer(['hosts', name]))) };
}

/** The leaf of the spec that a pointer of the editor means. `host`: the attribute of the host that it is about. */
export type LeafOf = (pointer: string, host?: string) => JsonPointer;

/** The pointers into the spec for the editor's pointers; the spec may spell one part in several ways. */
export function leavesOf(
  inputs: readonly InputWishes[],
  follows: readonly FollowingInput[],
  hosts: readonly HostView[],
): LeafOf {
  const leaves = new Map(follows.map(({ name, pointer }) => [toPointer(['inputs', name]), pointer]));
  // The host's name in flake.nix is wished by host.attribute if that is written, else by host.name.
  const attributes = new Set(hosts.flatMap(({ spec }) => spec.host.attribute ?? []));
  for (const { name, pointer, urlPointer, overrides } of inputs) {
    leaves.set(pointer, urlPointer);
    for (const { path, url, flake: isFlake, follows: followed } of overrides) {
      const key = path.join('/');
      if (url) leaves.set(toPointer(['inputs', name, 'inputs', key, 'url']), url.pointer);
      if (isFlake) leaves.set(toPointer(['inputs', name, 'inputs', key, 'flake']), isFlake.pointer);
      if (followed) leaves.set(toPointer(['inputs', name, 'follows', key]), followed.pointer);
    }
  }
  return (pointer, host) =>
    pointer === '/host/name' && host !== undefined && attributes.has(host)
      ? '/host/attribute'
      : (leaves.get(pointer) ?? pointer);
}
