// Makes a draft of a spec, of an existing flake or a new one, and takes wishes out of it that the machine does not fulfil.

import type { JsonPointer } from '../diagnostic.ts';
import { fromPointer } from '../formats/json-pointer.ts';
import type { People } from '../machine/people.ts';
import type { Owner } from '../model.ts';
import type { AbsPath } from '../path.ts';
import { isWithin, relativeTo } from '../path.ts';
import type { Spec } from '../spec/hosts-over-defaults.ts';
import { type LeftOut, scalar } from './spec-text.ts';

/** The facts for the new flake of a machine with channels. */
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

/** `srid`, or `srid:wheel` if the group is not their primary one. */
export function ownerWord({ uid, gid }: Owner, { user, name }: People): string {
  const known = user(uid);
  return known?.gid === gid ? known.name : name({ uid, gid });
}

/** A path as the spec writes it: with `~` if it lies below the home that `~` means. */
export const placeWord = (dir: AbsPath, home: AbsPath | undefined): string =>
  home !== undefined && home !== dir && isWithin(dir, home) ? `~/${relativeTo(dir, home)}` : dir;

/** Wishes that may be left out; without any other the spec is invalid. */
const OPTIONAL = /^\/(inputs\/|follows\/|features$|git$|activate$|config\/(owner|modules)$)/;

/**
 * The spec without the wish; undefined if it needs it. For a part of an input the whole input goes, except for a follows.
 * `home`: the meaning of `~` while there is an owner.
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

/** Writes places in full, since without an owner `~` would be the caller's home. */
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

/** Takes out all overrides of the inputs of an input. */
function withoutOverrides(spec: Spec, name: string): ReturnType<typeof without> {
  const input = spec.inputs[name];
  if (typeof input !== 'object' || input.inputs === undefined) return undefined;
  const { inputs, ...left } = input;
  const rest = Object.keys(left).length === 1 ? left.url : left;
  const wish = `inputs.${name}.inputs: ${JSON.stringify(inputs)}`;
  return { spec: { ...spec, inputs: { ...spec.inputs, [name]: rest } }, wish };
}

/** Takes out the input and every follows of it. */
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

/** Takes the wishes out in order; one that the spec needs stays. */
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
