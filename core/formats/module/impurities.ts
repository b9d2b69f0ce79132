// What a Nix text asks of the world around it, and a flake may not see: lookup paths, absolute paths, the environment, sources
// without a hash. By the text alone, each with its place.

import { calledName } from '../nix/describe.ts';
import type { AttrPath, Expr, Span } from '../nix/syntax.ts';
import { walk } from '../nix/walk.ts';

/** `refused`: evaluation ends there. `silent`: it goes on, with another value than without a flake. */
export interface Impurity {
  readonly kind: 'refused' | 'silent';
  /** One clause: what it is, and what a flake makes of it. */
  readonly words: string;
  readonly span: Span;
}

/** In the order of the text. What stands in for an argument that nobody gave is left out: whoever calls gives it. */
export function impuritiesIn(root: Expr): readonly Impurity[] {
  const found: Impurity[] = [];
  const passed: Span[] = [];
  walk(root, (expr) => {
    if (expr.kind === 'lambda')
      for (const { fallback } of expr.formals?.formals ?? []) if (fallback !== undefined) passed.push(fallback);
    // Made to a text, a path is not looked at; and whether it is there has an answer.
    if (expr.kind === 'apply' && /^(toString|pathExists)$/.test(calledName(expr) ?? '')) passed.push(expr.arg);
    found.push(...ofExpr(expr));
  });
  const isPassed = ({ start, end }: Span): boolean => passed.some((one) => one.start <= start && end <= one.end);
  return found.filter(({ span }) => !isPassed(span)).sort((a, b) => a.span.start - b.span.start);
}

function ofExpr(expr: Expr): readonly Impurity[] {
  const span = { start: expr.start, end: expr.end };
  const refused = (words: string): readonly Impurity[] => [{ kind: 'refused', words, span }];
  switch (expr.kind) {
    case 'searchPath':
      // Nix's own files are everywhere.
      return expr.name.startsWith('nix/')
        ? []
        : refused(`<${expr.name}> is looked up in NIX_PATH, which a flake does not have`);
    case 'path': {
      const [first] = expr.parts;
      const text = first?.kind === 'text' ? first.value : '';
      if (text.startsWith('~')) return refused(`${text} lies in a home, which a flake cannot see`);
      return text.startsWith('/') ? refused(`${text} is an absolute path, which a flake cannot read`) : [];
    }
    case 'select':
      return ofBuiltin(expr.target, expr.path, span);
    case 'apply':
      return ofCall(expr, span);
    case 'attrs':
      return expr.bindings.flatMap((binding) =>
        binding.kind === 'bind' && lastOf(binding.path) === 'imports' ? importedTexts(binding.value) : [],
      );
    default:
      return [];
  }
}

const lastOf = ({ names }: AttrPath): string | undefined => {
  const last = names.at(-1);
  return last?.kind === 'static' ? last.name : undefined;
};

/** `imports = [ "/etc/nixos/x.nix" ]` */
function importedTexts(value: Expr): readonly Impurity[] {
  if (value.kind !== 'list') return [];
  return value.items.flatMap((item): Impurity[] => {
    // A path literal is told by itself.
    const text = item.kind === 'string' ? absoluteText(item) : undefined;
    if (text === undefined) return [];
    const span = { start: item.start, end: item.end };
    return [{ kind: 'refused', words: `"${text}" is an absolute path, which a flake cannot read`, span }];
  });
}

function absoluteText(expr: Expr): string | undefined {
  const inner = expr.kind === 'paren' ? expr.inner : expr;
  const [first] = inner.kind === 'string' || inner.kind === 'path' ? inner.parts : [];
  const text = first?.kind === 'text' ? first.value : '';
  return text.startsWith('/') && !text.startsWith('/nix/store/') ? text : undefined;
}

function ofBuiltin(target: Expr, path: AttrPath, span: Span): readonly Impurity[] {
  if (target.kind !== 'var' || target.name !== 'builtins') return [];
  const [name] = path.names;
  switch (name?.kind === 'static' ? name.name : '') {
    case 'currentSystem':
      return [{ kind: 'refused', words: 'builtins.currentSystem is not there in a flake', span }];
    case 'currentTime':
      return [{ kind: 'refused', words: 'builtins.currentTime is not there in a flake', span }];
    case 'nixPath':
      return [{ kind: 'silent', words: 'builtins.nixPath is empty in a flake', span }];
    default:
      return [];
  }
}

const READERS = ['import', 'scopedImport', 'readFile', 'readDir', 'path', 'filterSource', 'readFileType', 'hashFile'];
const FETCHERS = ['fetchTarball', 'fetchGit', 'fetchMercurial', 'fetchTree', 'fetchurl'];
const PINS = ['sha256', 'hash', 'narHash', 'rev'];

function ofCall({ fn, arg }: Expr & { kind: 'apply' }, span: Span): readonly Impurity[] {
  const name = builtinName(fn);
  if (name === undefined) return [];
  const text = absoluteText(arg);
  if (name === 'getEnv') return [{ kind: 'silent', words: 'builtins.getEnv is "" in a flake', span }];
  if (name === 'pathExists' && text !== undefined)
    return [{ kind: 'silent', words: `pathExists ${text} is false in a flake, whatever is there`, span }];
  // A path literal is told by itself.
  if (READERS.includes(name) && text !== undefined && arg.kind === 'string')
    return [{ kind: 'refused', words: `"${text}" is an absolute path, which a flake cannot read`, span }];
  if (FETCHERS.includes(name) && isUnpinned(arg))
    return [{ kind: 'refused', words: `${name} without a hash or a revision, which a flake does not fetch`, span }];
  return [];
}

/** `builtins.x`, or one that Nix has without it; `pkgs.fetchurl` and a bare `fetchurl` are nixpkgs'. */
function builtinName(fn: Expr): string | undefined {
  if (fn.kind === 'var') return fn.name === 'fetchurl' || fn.name === 'path' ? undefined : fn.name;
  if (fn.kind !== 'select' || fn.target.kind !== 'var') return undefined;
  // lib.pathExists and lib.readFile are the same functions.
  return fn.target.name === 'builtins' || (fn.target.name === 'lib' && !FETCHERS.includes(lastOf(fn.path) ?? ''))
    ? lastOf(fn.path)
    : undefined;
}

/** A url alone, or a set that pins nothing. What is computed may be anything. */
function isUnpinned(arg: Expr): boolean {
  const inner = arg.kind === 'paren' ? arg.inner : arg;
  if (inner.kind === 'string' || inner.kind === 'uri') return true;
  if (inner.kind !== 'attrs') return false;
  return !inner.bindings.some((binding) =>
    binding.kind === 'inherit'
      ? binding.names.some((name) => name.kind === 'dynamic' || PINS.includes(name.name))
      : binding.path.names[0]?.kind !== 'static' || PINS.includes(binding.path.names[0].name),
  );
}
