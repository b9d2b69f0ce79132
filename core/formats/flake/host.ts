// Reads one host of nixosConfigurations: the `nixosSystem { … }` call, its system and its modules.
// The only place that decides which modules of a host are paths of this flake.
import { type Constant, constantOf, type Resolved, settle, settleBody } from '../nix/constant.ts';
import { calledName, describe } from '../nix/describe.ts';
import { listParts } from '../nix/read.ts';
import { isFlake } from '../nix/references.ts';
import type { ListExpr, Scope } from '../nix/scope.ts';
import type { Expr, Span } from '../nix/syntax.ts';
import { type AttrNode, type LeafNode, mergeAttrs, nodeAt, type SetNode } from './tree.ts';

/** The `system` of a host. `shared`: the value stands outside of the host, in a variable. */
type SystemRead =
  /** No `system` argument, nor `nixpkgs.hostPlatform` in an inline module: its other modules say it. */
  | { readonly kind: 'unset' }
  | { readonly kind: 'static'; readonly value: string; readonly span: Span; readonly shared: boolean }
  | { readonly kind: 'opaque'; readonly span: Span };

/** One module of a host. */
type ModuleRead =
  /** `./a.nix`, `(import ./a.nix)`, `"${self}/a.nix"`; or among the `imports` of an inline module. */
  | { readonly kind: 'path'; readonly path: string; readonly span: Span }
  /** A module that is no path of this flake. */
  | { readonly kind: 'other'; readonly span: Span }
  /** A part of the list that can't be read: it may hold any modules. */
  | { readonly kind: 'unknown'; readonly span: Span };

export type HostDecl =
  | {
      readonly kind: 'static';
      readonly name: string;
      readonly system: SystemRead;
      readonly modules: readonly ModuleRead[];
      readonly span: Span;
    }
  | { readonly kind: 'opaque'; readonly name: string; readonly reason: string; readonly span: Span };

/** A host with the parts of the tree that an editor changes. */
export type OpenHost =
  | { readonly kind: 'opaque'; readonly decl: HostDecl & { readonly kind: 'opaque' } }
  | {
      readonly kind: 'static';
      readonly decl: HostDecl & { readonly kind: 'static' };
      /** The argument of nixosSystem. */
      readonly args: SetNode;
      /** The list literal in `modules` that belongs to this host alone. */
      readonly list?: ListExpr;
    };

/** Reads the value of `nixosConfigurations.<name>`. */
export function openHost(node: AttrNode): OpenHost {
  const { name } = node;
  if (node.kind === 'set') return opaqueHost(name, 'it is a set, not a plain call of `nixosSystem`', setSpan(node));
  const { expr, scope } = settle(node.value, node.scope);
  const span = { start: node.value.start, end: node.value.end };
  if (expr.kind !== 'apply' || expr.fn.kind === 'apply' || calledName(expr) !== 'nixosSystem') {
    return opaqueHost(name, `it is ${describe(expr)}, not a plain call of \`nixosSystem\``, span);
  }
  const arg = settle(expr.arg, scope);
  if (arg.expr.kind !== 'attrs')
    return opaqueHost(name, `the argument of \`nixosSystem\` is ${describe(arg.expr)}`, span);
  const args = mergeAttrs(arg.expr, arg.scope);
  if (args.dynamic[0]) return opaqueHost(name, 'the argument of `nixosSystem` has computed attribute names', span);
  const walk: Walk = { via: [], budget: { left: MAX_STEPS } };
  const modulesNode = args.children.get('modules');
  const parts = modulesNode?.kind === 'leaf' ? listParts(modulesNode.value, modulesNode.scope) : [];
  const modules =
    modulesNode?.kind === 'set' ? [unknown(setSpan(modulesNode))] : parts.flatMap((part) => readPart(part, walk));
  const list = parts.findLast((part) => part.direct && part.expr.kind === 'list')?.expr as ListExpr | undefined;
  return {
    kind: 'static',
    decl: { kind: 'static', name, system: readSystem(args, parts, span), modules, span },
    args,
    ...(list ? { list } : {}),
  };
}

/** One spelling for all module paths that are the same file: `./a` = `a` = `./x/../a` = `./a/default.nix`. */
export function plainModule(path: string): string {
  const out: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..' && out.length > 0 && out.at(-1) !== '..') out.pop();
    else if (part !== '' && part !== '.') out.push(part);
  }
  if (out.at(-1) === 'default.nix') out.pop();
  return (path.startsWith('/') ? '/' : './') + out.join('/');
}

/** `via`: where it came from, since `let l = l ++ l; in l` has no end. `budget`: since sixty variables can mean 2^60 modules. */
interface Walk {
  readonly via: readonly Expr[];
  readonly budget: { left: number };
}

const MAX_STEPS = 5000;

function enter(walk: Walk, expr: Expr): Walk | undefined {
  if (walk.budget.left-- <= 0 || walk.via.includes(expr)) return undefined;
  return { ...walk, via: [...walk.via, expr] };
}

function readPart({ expr, scope }: Resolved, walk: Walk): ModuleRead[] {
  const inner = expr.kind === 'list' ? enter(walk, expr) : undefined;
  if (!inner || expr.kind !== 'list') return [unknown(expr)];
  return expr.items.flatMap((item) => readModule(item, scope, inner));
}

function readModule(item: Expr, outer: Scope | undefined, walk: Walk): ModuleRead[] {
  const span = { start: item.start, end: item.end };
  const path = modulePath(item, outer);
  if (path !== undefined) return [{ kind: 'path', path, span }];
  const inline = inlineModule(item, outer);
  const imports = inline && nodeAt(inline, ['imports']);
  const parts = imports?.kind === 'leaf' ? listParts(imports.value, imports.scope) : [];
  const imported = parts.flatMap((part) => readPart(part, walk));
  return [{ kind: 'other', span }, ...imported.filter((module) => module.kind === 'path')];
}

/** `./a`, `./. + "/a"`, `"${self}/a"`, `(self + "/a")`, `import ./a`: the path as text. */
function modulePath(item: Expr, outer: Scope | undefined): string | undefined {
  const { expr, scope } = settle(item, outer);
  const isImport = expr.kind === 'apply' && expr.fn.kind === 'var' && expr.fn.name === 'import';
  const read = isFlake(expr, scope) ? undefined : constantOf(isImport ? expr.arg : expr, scope, { known: selfPath });
  return read?.kind === 'static' && read.value.kind === 'path' ? read.value.value : undefined;
}

/** The flake itself, joined to a path, is its directory. */
function selfPath(expr: Expr, scope: Scope | undefined): Constant | undefined {
  return isFlake(expr, scope) ? { kind: 'path', value: '.' } : undefined;
}

/** `{ … }` or `{ pkgs, … }: { … }` as a set. */
function inlineModule(item: Expr, outer: Scope | undefined): SetNode | undefined {
  const { expr, scope } = settleBody(item, outer);
  return expr.kind === 'attrs' ? mergeAttrs(expr, scope) : undefined;
}

function readSystem(args: SetNode, parts: readonly Resolved[], host: Span): SystemRead {
  const argument = args.children.get('system');
  if (argument?.kind === 'set') return { kind: 'opaque', span: setSpan(argument) };
  if (argument) {
    const read = systemValue(argument, host);
    if (read.kind !== 'unset') return read;
  }
  for (const part of parts) {
    if (part.expr.kind !== 'list') continue;
    for (const item of part.expr.items) {
      const inline = inlineModule(item, part.scope);
      for (const path of [
        ['nixpkgs', 'hostPlatform'],
        ['nixpkgs', 'hostPlatform', 'system'],
        ['nixpkgs', 'system'],
      ]) {
        const node = inline && nodeAt(inline, path);
        if (node?.kind === 'leaf') return systemValue(node, host);
      }
    }
  }
  return { kind: 'unset' };
}

function systemValue({ value, scope }: LeafNode, host: Span): SystemRead {
  const read = constantOf(value, scope);
  if (read.kind === 'static' && read.value.kind === 'null') return { kind: 'unset' };
  if (read.kind !== 'static' || read.value.kind !== 'string')
    return { kind: 'opaque', span: { start: value.start, end: value.end } };
  const { span } = read;
  return { kind: 'static', value: read.value.value, span, shared: span.start < host.start || span.end > host.end };
}

function opaqueHost(name: string, reason: string, span: Span): OpenHost {
  return { kind: 'opaque', decl: { kind: 'opaque', name, reason, span } };
}

function unknown({ start, end }: Span): ModuleRead {
  return { kind: 'unknown', span: { start, end } };
}

function setSpan(node: SetNode): Span {
  const { start, end } = node.occurrences[0]!.binding;
  return { start, end };
}
