// Compares the wished inputs with those that flake.nix declares, and makes the splices that make them equal.
// The only place that edits `inputs`.

import { oncePer } from '../../once.ts';
import { nodeAt } from '../flake-hosts/tree.ts';
import { toPointer } from '../json-pointer.ts';
import { isIdentifier, nixAttrPath, nixString } from '../nix/print.ts';
import type { Splice } from '../nix/splice.ts';
import type { Span } from '../nix/syntax.ts';
import { insertArgument } from './bindings.ts';
import type { Difference, Fix, Locate, Problem } from './difference.ts';
import type { Flake, InputDecl, OpenFlake } from './flake.ts';
import { declareInput, setFlake, setReference, setUrl } from './input-splices.ts';
import { describeRef, type RefRules, sameReference } from './reference.ts';
import { followsPath, type InputWish, overridePath, pathTokens } from './wish.ts';

/** The differences between `wish` and the inputs that `open` declares, independent of each other. */
export function inputDifferences(
  open: OpenFlake,
  wish: InputWish,
  known: ReadonlySet<string>,
  rules: RefRules,
): Difference[] {
  const decl = declarationOf(open, wish.name);
  const base = ['inputs', wish.name];
  const pointer = toPointer([...base]);
  const impossible = (path: string[], at: string, to: string, message: string): Difference => {
    const problem: Problem = { kind: 'impossible', message, at: spanOf(open, base), snippet: '', pointer: at };
    return { about: 'input', changes: [change(path, at, undefined, to)], fix: { kind: 'refuse', problem } };
  };
  if (wish.name === 'self')
    return [impossible(base, pointer, wish.url ?? wish.target ?? '', "'self' is the flake itself, not an input")];
  const refused = Object.entries(wish.follows ?? {}).flatMap(([input, target]) => {
    const message = followsProblem(wish.name, input, target, known);
    if (message === undefined) return [];
    return [impossible([...base, ...followsPath(input)], toPointer([...base, 'follows', input]), target, message)];
  });
  if (wish.target !== undefined) {
    const message = followsProblem('', wish.name, wish.target, known);
    if (message !== undefined) refused.push(impossible([...base, 'follows'], pointer, wish.target, message));
  }
  if (refused.length > 0) return refused;
  if (!decl) return [addInput(open, wish)];

  const found: Difference[] = [];
  const add = (
    path: string[],
    at: string,
    from: string | undefined,
    to: string,
    splices: readonly Splice[] | undefined,
  ) => {
    const whole = [...base, ...path];
    const fix: Fix = splices ? { kind: 'edit', splices } : { kind: 'refuse', problem: stuck(open, whole, to, at) };
    found.push({ about: 'input', changes: [change(whole, at, from, to)], fix });
  };
  const { url, target, name } = wish;
  if (url !== undefined && (decl.follows !== undefined || !sameReference(decl.ref, { name, url }, rules))) {
    add(['url'], pointer, describeRef(decl), url, setUrl(open, base, decl.ref, url, rules));
  }
  if (target !== undefined && !isFollowing(decl, target)) {
    add(['follows'], pointer, describeRef(decl), target, setReference(open, base, 'follows', nixString(target)));
  }
  const flake = decl.flake ?? true;
  if (wish.flake !== undefined && wish.flake !== flake) {
    add(['flake'], toPointer([...base, 'flake']), String(flake), String(wish.flake), setFlake(open, base, wish.flake));
  }
  for (const [input, followed] of Object.entries(wish.follows ?? {})) {
    const path = followsPath(input);
    const override = overrideAt(decl, pathTokens(input));
    if (override && isFollowing(override, followed)) continue;
    const splices = setReference(open, [...base, ...path.slice(0, -1)], 'follows', nixString(followed));
    add(path, toPointer([...base, 'follows', input]), override && saidOf(override), followed, splices);
  }
  for (const [input, wished] of Object.entries(wish.overrides ?? {})) {
    const path = overridePath(input);
    const at = [...base, ...path];
    const override = overrideAt(decl, pathTokens(input));
    const leaf = (key: string): string => toPointer([...base, 'inputs', input, key]);
    const isSame =
      override?.follows === undefined &&
      override?.ref.kind !== 'none' &&
      override !== undefined &&
      sameReference(override.ref, { name: '', url: wished.url ?? '' }, rules);
    if (wished.url !== undefined && !isSame) {
      const splices = setUrl(open, at, override?.ref ?? { kind: 'none' }, wished.url, rules);
      add([...path, 'url'], leaf('url'), override && saidOf(override), wished.url, splices);
    }
    const isFlake = override?.flake ?? true;
    if (wished.flake !== undefined && wished.flake !== isFlake) {
      const splices = setFlake(open, at, wished.flake);
      add([...path, 'flake'], leaf('flake'), String(isFlake), String(wished.flake), splices);
    }
  }
  return found;
}

/** Only that, and to the same input. */
const isFollowing = ({ follows, ref }: InputDecl, target: string): boolean =>
  follows !== undefined && ref.kind === 'none' && pathTokens(follows).join('/') === pathTokens(target).join('/');

/** The source that an override names; one without only leads to deeper ones. */
const saidOf = (override: InputDecl): string | undefined =>
  override.follows === undefined && override.ref.kind === 'none' ? undefined : describeRef(override);

const declared = oncePer(({ inputs }: Flake) => new Map(inputs.map((input) => [input.name, input])));
const implied = oncePer(({ implicit }: Flake): ReadonlySet<string> => new Set(implicit));
const overrides = oncePer((decl: InputDecl) => new Map(decl.overrides.map((one) => [one.name, one])));
const named = oncePer((names: readonly string[]): ReadonlySet<string> => new Set(names));

function declarationOf({ flake }: OpenFlake, name: string): InputDecl | undefined {
  const decl = declared(flake).get(name);
  if (decl || !implied(flake).has(name)) return decl;
  return { name, ref: { kind: 'none' }, overrides: [], span: flake.outputs.formals?.span ?? flake.outputs.span };
}

function overrideAt(decl: InputDecl, path: readonly string[]): InputDecl | undefined {
  let at: InputDecl | undefined = decl;
  for (const name of path) at = at && overrides(at).get(name);
  return at;
}

/** The reason Nix refuses a follows, so that an edit would break the flake (docs/nix.md, "flake.lock"). */
function followsProblem(name: string, input: string, target: string, known: ReadonlySet<string>): string | undefined {
  const tokens = pathTokens(target);
  const first = tokens[0];
  const odd = tokens.find((token) => !/^[a-zA-Z][a-zA-Z0-9_-]*$/.test(token));
  if (odd !== undefined) return `an input called '${odd}' can't be followed: only letters, digits, '_' and '-' can`;
  if (first !== undefined && !known.has(first))
    return `'${input}' can't follow '${target}': there is no input '${first}'`;
  const own = [...pathTokens(name), ...pathTokens(input)].join('/');
  if (own === tokens.join('/')) return `'${input}' can't follow itself`;
  return pathTokens(input).length === 0 ? 'the name of the input that follows is empty' : undefined;
}

function addInput(open: OpenFlake, wish: InputWish): Difference {
  const base = ['inputs', wish.name];
  const pointer = toPointer([...base]);
  const changes = [
    wish.target === undefined
      ? change([...base, 'url'], pointer, undefined, wish.url ?? '')
      : change([...base, 'follows'], pointer, undefined, wish.target),
    ...(wish.flake === false ? [change([...base, 'flake'], toPointer([...base, 'flake']), undefined, 'false')] : []),
    ...Object.entries(wish.follows ?? {}).map(([input, target]) =>
      change([...base, ...followsPath(input)], toPointer([...base, 'follows', input]), undefined, target),
    ),
    ...Object.entries(wish.overrides ?? {}).flatMap(([input, wished]) =>
      Object.entries(wished).map(([key, value]) =>
        change(
          [...base, ...overridePath(input), key],
          toPointer([...base, 'inputs', input, key]),
          undefined,
          String(value),
        ),
      ),
    ),
  ];
  const splices = declareInput(open, wish);
  if (!splices)
    return {
      about: 'input',
      changes,
      fix: {
        kind: 'refuse',
        problem: stuck(
          open,
          [...base, wish.target === undefined ? 'url' : 'follows'],
          wish.target ?? wish.url ?? '',
          pointer,
        ),
      },
    };
  const { formals } = open.flake.outputs;
  // Nix calls outputs with every input: without `...` each has to be named.
  const closed = formals && !formals.ellipsis && !named(formals.names).has(wish.name);
  if (closed) splices.push(...insertArgument(open, open.lambda, canBeArgument(wish.name) ? wish.name : '...'));
  return { about: 'input', changes, fix: { kind: 'edit', splices } };
}

/** An argument called like one of Nix's own names would hide it. */
function canBeArgument(name: string): boolean {
  return isIdentifier(name) && !NIX_NAMES.has(name);
}

/** The variables that every Nix expression has, up to Nix 2.34. */
const NIX_NAMES: ReadonlySet<string> = new Set(
  (
    'abort baseNameOf break builtins derivation derivationStrict dirOf false fetchGit fetchMercurial fetchTarball ' +
    'fetchTree fromTOML import isNull map null placeholder removeAttrs scopedImport throw toString true'
  ).split(' '),
);

function change(
  path: readonly string[],
  pointer: string,
  from: string | undefined,
  to: string,
): Difference['changes'][number] {
  const locate: Locate = (open) => spanOf(open, path).start;
  return { subject: nixAttrPath(path), pointer, ...(from === undefined ? {} : { from }), to, locate };
}

function stuck(open: OpenFlake, path: readonly string[], to: string, pointer: string): Problem {
  const name = nixAttrPath(path);
  const value = to === 'true' || to === 'false' ? to : nixString(to);
  return {
    kind: 'uneditable',
    message: `'${name}' is not written as a plain attribute here`,
    at: spanOf(open, path),
    snippet: `# at the top level of flake.nix, instead of what is there\n${name} = ${value};\n`,
    pointer,
  };
}

/** The place of the innermost existing attribute on `path`. */
function spanOf(open: OpenFlake, path: readonly string[]): Span {
  for (let length = path.length; length > 0; length--) {
    const binding = nodeAt(open.root, path.slice(0, length))?.occurrences[0]?.binding;
    if (binding) return { start: binding.start, end: binding.end };
  }
  return { start: 0, end: 1 };
}
