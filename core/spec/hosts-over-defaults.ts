// The hosts of a spec: each as a spec of its own, in which what `hosts` says of it lies over the defaults. The only place that
// knows how defaults merge. Pure.

import type { HostWish, MachineWish, WrittenSpec } from '../../schemas/spec.gen.ts';

/** A spec as it is about one machine. */
export type Spec = Omit<WrittenSpec, 'host' | 'hosts'> & { readonly host: HostWish };

/** `key`: its name in `hosts`; undefined: it is the one that `host` describes. */
export interface HostView {
  readonly key?: string;
  readonly spec: Spec;
}

/** `views` in the order of the spec. `gone`: the attributes that flake.nix is to have no more. */
export interface Hosts {
  readonly views: readonly [HostView, ...HostView[]];
  readonly gone: readonly string[];
}

/** The hosts of a spec that its schema and `checkSpec` accept. */
export function hostsOf(written: WrittenSpec): Hosts {
  const all = Object.entries(written.hosts ?? {});
  const views = all.flatMap(([key, machine]) => (machine === null ? [] : [viewOf(written, key, machine)]));
  const [first = { spec: written as Spec }, ...others] = views;
  return { views: [first, ...others], gone: all.flatMap(([key, machine]) => (machine === null ? [key] : [])) };
}

/** A spec of one machine as the hosts of itself. */
export const alone = (spec: Spec): Hosts => ({ views: [{ spec }], gone: [] });

function viewOf({ hosts: _hosts, ...top }: WrittenSpec, key: string, machine: NonNullable<MachineWish>): HostView {
  const { version, ...defaults } = top;
  const { host, ...own } = machine;
  const spec = { version, host: { name: key, ...host }, ...(merged(defaults, own) as Omit<typeof defaults, never>) };
  return { key, spec };
}

/** Objects merge; lists and words replace. */
function merged(below: unknown, above: unknown): unknown {
  if (!isObject(below) || !isObject(above)) return above;
  const both: Record<string, unknown> = { ...below };
  for (const [name, value] of Object.entries(above))
    both[name] = Object.hasOwn(below, name) ? merged(below[name], value) : value;
  return both;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
