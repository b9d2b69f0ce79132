// A spec that is not written yet: of a flake that is there, or of one that is to be; and what becomes of it when a wish is left
// out because the machine is not so.

import type { JsonPointer } from '../diagnostic.ts';
import { fromPointer } from '../formats/json-pointer.ts';
import type { People } from '../machine/people.ts';
import type { Owner } from '../model.ts';
import type { AbsPath } from '../path.ts';
import { isWithin, relativeTo } from '../path.ts';
import type { Spec } from '../spec/load.ts';
import { type LeftOut, scalar } from './spec-text.ts';

/** What a machine of a channel is to be. */
export interface Wanted {
  readonly name: string;
  readonly system: string;
  readonly nixpkgs: string;
  readonly user: string | undefined;
  readonly path: string;
  readonly from: string | undefined;
  readonly activate: NonNullable<Spec['activate']>;
}

export const newDraft = ({ name, system, nixpkgs, user, path, from, activate }: Wanted): Spec => ({
  version: 1,
  host: { name, system },
  config: {
    path,
    ...(from !== undefined && { from }),
    ...(user !== undefined && { owner: user }),
    modules: ['./configuration.nix'],
  },
  inputs: { nixpkgs },
  features: ['nix-command', 'flakes'],
  git: 'track',
  activate,
});

/** `srid`, or `srid:wheel` where the group is not their own. */
export function ownerWord({ uid, gid }: Owner, { user, name }: People): string {
  const known = user(uid);
  return known?.gid === gid ? known.name : name({ uid, gid });
}

/** Below the home of whom `~` means in the spec. */
export const placeWord = (dir: AbsPath, home: AbsPath | undefined): string =>
  home !== undefined && home !== dir && isWithin(dir, home) ? `~/${relativeTo(dir, home)}` : dir;

/** Wishes that may be left out: a spec says the rest, or is none. */
const OPTIONAL = /^\/(inputs\/|follows\/|features$|git$|activate$|config\/(owner|modules)$)/;

/**
 * The spec without the wish; undefined where it cannot be without it. A part of an input is the input, but for a follows.
 * `home`: what `~` means while there is an owner.
 */
function without(
  spec: Spec,
  pointer: JsonPointer,
  home: string | undefined,
): { readonly spec: Spec; readonly wish: string } | undefined {
  if (!OPTIONAL.test(pointer)) return undefined;
  const [first, second = '', third, fourth = ''] = fromPointer(pointer);
  if (first === 'follows') return withoutTarget(spec, second);
  if (first === 'inputs' && third === 'inputs') return withoutOverrides(spec, second);
  if (first === 'inputs')
    return third === 'follows' ? withoutFollows(spec, second, fourth) : withoutInput(spec, second);
  if (first === 'config') {
    const { [second as 'owner']: value, ...rest } = spec.config ?? {};
    const config = second === 'owner' && home !== undefined ? { ...rest, ...absolutePlaces(rest, home) } : rest;
    return value === undefined ? undefined : { spec: { ...spec, config }, wish: `config.${second}: ${shown(value)}` };
  }
  const { [first as 'features']: value, ...rest } = spec;
  return value === undefined ? undefined : { spec: rest as Spec, wish: `${first}: ${shown(value)}` };
}

/** Without an owner `~` would be the home of whoever calls. */
function absolutePlaces({ path, from }: NonNullable<Spec['config']>, home: string): NonNullable<Spec['config']> {
  const place = (word: string): string => (word.startsWith('~') ? `${home}${word.slice(1)}` : word);
  return { ...(path !== undefined && { path: place(path) }), ...(from !== undefined && { from: place(from) }) };
}

const shown = (value: string | readonly string[]): string =>
  typeof value === 'string' ? scalar(value) : `[${value.map(scalar).join(', ')}]`;

function withoutTarget(spec: Spec, name: string): ReturnType<typeof without> {
  const { [name]: target, ...follows } = spec.follows ?? {};
  if (target === undefined) return undefined;
  const { follows: _all, ...rest } = spec;
  const left = Object.keys(follows).length === 0 ? rest : { ...rest, follows };
  return { spec: left, wish: `follows.${name}: ${scalar(target)}` };
}

/** All that is said of the inputs of an input. */
function withoutOverrides(spec: Spec, name: string): ReturnType<typeof without> {
  const input = spec.inputs[name];
  if (typeof input !== 'object' || input.inputs === undefined) return undefined;
  const { inputs, ...left } = input;
  const rest = Object.keys(left).length === 1 ? left.url : left;
  const wish = `inputs.${name}.inputs: ${JSON.stringify(inputs)}`;
  return { spec: { ...spec, inputs: { ...spec.inputs, [name]: rest } }, wish };
}

/** What follows it goes with it. */
function withoutInput(spec: Spec, name: string): ReturnType<typeof without> {
  const { [name]: input, ...inputs } = spec.inputs;
  if (input === undefined) return undefined;
  let rest: Spec = { ...spec, inputs };
  for (const [other, said] of Object.entries(inputs))
    for (const [key, target] of Object.entries((typeof said === 'object' && said.follows) || {}))
      if (target.split('/')[0] === name) rest = withoutFollows(rest, other, key)?.spec ?? rest;
  return { spec: rest, wish: `inputs.${name}: ${scalar(typeof input === 'string' ? input : input.url)}` };
}

function withoutFollows(spec: Spec, name: string, key: string): ReturnType<typeof without> {
  const input = spec.inputs[name];
  if (typeof input !== 'object' || input.follows?.[key] === undefined) return undefined;
  const { follows, ...others } = input;
  const { [key]: target = '', ...rest } = follows;
  const left = Object.keys(rest).length === 0 ? others : { ...others, follows: rest };
  const inputs = { ...spec.inputs, [name]: Object.keys(left).length === 1 ? left.url : left };
  return { spec: { ...spec, inputs }, wish: `inputs.${name}.follows.${key}: ${scalar(target)}` };
}

/** All of them, in order; those that cannot be left out stay. */
export function leaveOut(
  spec: Spec,
  wishes: readonly { readonly pointer: JsonPointer; readonly because: string }[],
  home?: string,
): { readonly spec: Spec; readonly leftOut: readonly LeftOut[] } {
  let rest = spec;
  const leftOut: LeftOut[] = [];
  for (const { pointer, because } of wishes) {
    const found = without(rest, pointer, home);
    if (found === undefined) continue;
    rest = found.spec;
    leftOut.push({ wish: found.wish, because });
  }
  return { spec: rest, leftOut };
}
