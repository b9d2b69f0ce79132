// From the inputs that flake.nix declares to what locking works on: parsed references and input paths.

import type { Flake, InputDecl } from '../flake/flake.ts';
import type { FlakeRef } from '../flake-ref/model.ts';
import { parseFlakeRef } from '../flake-ref/parse-ref.ts';
import { refFromAttrs } from '../flake-ref/ref-attrs.ts';
import { isFlakeId } from '../flake-ref/ref-name.ts';
import type { Span } from '../nix/syntax.ts';
import { defaultNix, type NixVersion } from '../nix-version.ts';
import type { InputPath } from './model.ts';

/** One declared input, or an override of an input's input. */
export interface LockInput {
  readonly name: string;
  /** Absent: `flake:NAME` for an input, for an override nothing (before Nix 2.30 `flake:NAME` there too). */
  readonly ref?: FlakeRef;
  readonly flake: boolean;
  /** From the root of the flake that declares it; `[]` is that flake itself. */
  readonly follows?: InputPath;
  readonly overrides: readonly LockInput[];
}

/** An input Nix refuses: `path` names it, `message` is one clause. */
export interface InputError {
  readonly path: InputPath;
  readonly message: string;
  readonly span: Span;
}

export type LockInputs =
  | { readonly ok: true; readonly inputs: readonly LockInput[] }
  | { readonly ok: false; readonly errors: readonly InputError[] };

/** The inputs of a flake as that Nix sees them, those that only `outputs` names included. */
export function lockInputsOf(
  flake: Pick<Flake, 'inputs' | 'implicit' | 'self' | 'newlyWrong'>,
  nix: NixVersion = defaultNix,
): LockInputs {
  const errors: InputError[] = [];
  const inputs = flake.inputs.map((decl) => convert(decl, [], nix, errors));
  // Before 2.27 `self` was an input like any other, so its attributes are unknown ones.
  const odd = nix === '2.34' ? undefined : Object.keys(flake.self ?? {})[0];
  if (odd !== undefined)
    errors.push({ path: ['self'], message: `unexpected flake input attribute '${odd}'`, span: NOWHERE });
  if (nix === '2.34') errors.push(...flake.newlyWrong.map((error) => ({ path: ['self'], ...error })));
  for (const name of flake.implicit.filter((one) => !isFlakeId(one)))
    errors.push({ path: [name], message: `flake reference '${name}' is not an absolute path`, span: NOWHERE });
  if (errors.length > 0) return { ok: false, errors };
  const implicit = flake.implicit.map(
    (name): LockInput => ({ name, ref: indirectTo(name), flake: true, overrides: [] }),
  );
  return { ok: true, inputs: [...inputs, ...implicit] };
}

const NOWHERE: Span = { start: 0, end: 0 };

/** The reference an input without one has. */
export const indirectTo = (name: string): FlakeRef => ({ attrs: { type: 'indirect', id: name } });

function convert(decl: InputDecl, prefix: InputPath, nix: NixVersion, errors: InputError[]): LockInput {
  const path = [...prefix, decl.name];
  const flake = decl.flake ?? true;
  const fail = (message: string, span: Span): undefined => {
    errors.push({ path, message, span });
    return undefined;
  };
  const overrides = decl.overrides.map((override) => convert(override, path, nix, errors));
  const follows = decl.follows?.split('/').filter((part) => part !== '');
  const wrong = follows?.find((part) => !isFlakeId(part));
  if (wrong !== undefined) fail(`invalid flake input attribute path element '${wrong}'`, decl.span);
  const ref = readRef(decl, flake, nix, fail);
  // Nix gives it the reference flake:NAME; of an override only older Nix does.
  const isNamed = decl.ref.kind === 'none' && follows === undefined && (prefix.length === 0 || nix !== '2.34');
  if (isNamed && !isFlakeId(decl.name)) fail(`'${decl.name}' is not a valid flake ID`, decl.span);
  if (nix === '2.34' && ref !== undefined && follows !== undefined)
    fail('flake input has both a flake reference and a follows attribute', decl.span);
  return {
    name: decl.name,
    flake,
    overrides,
    ...(ref === undefined || follows !== undefined ? {} : { ref }),
    ...(follows === undefined ? {} : { follows }),
  };
}

type Fail = (message: string, span: Span) => undefined;

function readRef(decl: InputDecl, flake: boolean, nix: NixVersion, fail: Fail): FlakeRef | undefined {
  if (decl.ref.kind === 'none') return undefined;
  const parsed =
    decl.ref.kind === 'attrs'
      ? refFromAttrs(decl.ref.attrs, nix)
      : decl.ref.kind === 'url'
        ? parseFlakeRef(decl.ref.url, { context: flake ? 'input' : 'input-nonflake', nix })
        : parsePath(decl.ref.path, nix);
  return parsed.ok ? parsed.ref : fail(parsed.error, decl.ref.span);
}

// A path literal is made relative to the flake's directory: `./sub` is `sub`, `./..` is `..`.
function parsePath(path: string, nix: NixVersion): ReturnType<typeof parseFlakeRef> {
  if (nix === '2.8') return { ok: false, error: 'expected a string but got a path' };
  if (!path.startsWith('.'))
    return { ok: false, error: `input attribute path '${path}' must be in the same source tree` };
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parseFlakeRef(`path:${parts.join('/') || '.'}`, { context: 'input', nix });
}
