// Reads flake.nix the way Nix does before it evaluates anything: description, inputs, the arguments of outputs.
// The only place that knows which values Nix accepts there as literals (docs/nix.md, "flake.nix").

import { type OutputsRead, readOutputs } from '../flake-hosts/outputs.ts';
import { type AttrNode, mergeAttrs, type SetNode } from '../flake-hosts/tree.ts';
import { describe, spanOf } from '../nix/describe.ts';
import { parseNix } from '../nix/parse.ts';
import { type Lambda, lambdaScope, type Opened, type Scope, type Tree } from '../nix/scope.ts';
import type { Page } from '../nix/splice.ts';
import type { Expr, Parsed, Span } from '../nix/syntax.ts';
import { plainPath } from '../nix-value/tree-path.ts';
import {
  asSet,
  type FlakeError,
  isStrings,
  literalAt,
  literalOf,
  nameSpan,
  readString,
  refuseDynamic,
  wrongKind,
} from './literal.ts';

/** The source of an input as flake.nix names it. */
export type InputRef =
  | { readonly kind: 'url'; readonly url: string; readonly span: Span }
  /** `{ type = "github"; owner = …; }`; `span` covers the first of the attributes. */
  | { readonly kind: 'attrs'; readonly attrs: Readonly<Record<string, string | number | boolean>>; readonly span: Span }
  /** A path literal as url: `./sub`. */
  | { readonly kind: 'path'; readonly path: string; readonly span: Span }
  /** Nothing: `flake:NAME`, or in an override no change of the reference. */
  | { readonly kind: 'none' };

/** An input as flake.nix declares it. `ref` and `follows` may both be there: an error since Nix 2.30, before follows won. */
export interface InputDecl {
  readonly name: string;
  readonly ref: InputRef;
  readonly flake?: boolean;
  readonly follows?: string;
  /** Its overrides of the inputs of this input. */
  readonly overrides: readonly InputDecl[];
  /** The first attribute path that mentions it. */
  readonly span: Span;
}

export interface Flake {
  readonly ok: true;
  readonly description?: string;
  /** In the order of the file, `self` not among them. */
  readonly inputs: readonly InputDecl[];
  /** Formal arguments of outputs, other than `self`, that no input declares: Nix takes them as `flake:NAME`. */
  readonly implicit: readonly string[];
  /** `inputs.self`, Nix 2.27 and later. `submodules` must be a Boolean in a git repository; elsewhere Nix does not check it. */
  readonly self?: { readonly submodules?: boolean | string | number; readonly lfs?: boolean | string | number };
  /** Errors since Nix 2.27: `self` among the inputs of an input. */
  readonly newlyWrong: readonly FlakeError[];
  readonly outputs: OutputsRead;
}

export type FlakeRead = Flake | { readonly ok: false; readonly error: FlakeError };

/** A read flake.nix with the text and the tree it was read from, for the editor. */
export interface OpenFlake extends Page {
  readonly flake: Flake;
  readonly root: SetNode;
  /** The value of outputs, and the variables around it. */
  readonly lambda: Lambda;
  readonly scope: Scope | undefined;
  readonly files: FlakeFiles;
}

/** The other files of the flake, by their paths from its top, `./a/b.nix`. */
export interface FlakeFiles {
  /** A Nix file, or the default.nix of a directory, with its own path. */
  readonly nix: (path: string) => FlakeFile;
  /** The Nix files whose text matches: all that the flake refers to, perhaps more. */
  readonly matching: (pattern: RegExp) => readonly string[];
}

export type FlakeFile =
  | { readonly ok: true; readonly path: string; readonly text: string; readonly parsed: Parsed }
  | { readonly ok: false; readonly reason: string };

const NO_FILES: FlakeFiles = { nix: () => ({ ok: false, reason: 'only flake.nix is read' }), matching: () => [] };

/**
 * Reads flake.nix. Fails where Nix refuses the file without evaluating outputs: syntax, a computed value where a literal
 * is needed, unknown attributes, no outputs. Follows Nix 2.34, but leaves `url` beside `follows` to the caller.
 */
export function readFlake(text: string): FlakeRead {
  const opened = openFlake(text);
  return opened.ok ? opened.flake : opened;
}

export type OpenedFlake = ({ readonly ok: true } & OpenFlake) | { readonly ok: false; readonly error: FlakeError };

/** `readFlake` with the tree. `parsed`: of this text. `files`: read where they define hosts. */
export function openFlake(text: string, parsed: Parsed = parseNix(text), files: FlakeFiles = NO_FILES): OpenedFlake {
  if (!parsed.ok) return failure(parsed.error.message, { start: parsed.error.start, end: parsed.error.end });
  let found: ReturnType<typeof outputsFunction>;
  const whole = treeScope(text, files, () => {
    const args = found && lambdaScope(found.lambda, found.scope);
    return found && { expr: found.lambda.body, scope: args };
  });
  const top = literalAt({ value: parsed.root, scope: whole }).expr;
  if (top.kind !== 'attrs') return failure(`the file must be an attribute set, not ${describe(top)}`, spanOf(top));
  const errors: FlakeError[] = [];
  const newlyWrong: FlakeError[] = [];
  const root = mergeAttrs(top, whole);
  const outputs = outputsFunction(root, top, errors);
  found = outputs;
  const inputs = readTop(root, { errors, newlyWrong });
  const first = errors.sort((a, b) => a.span.start - b.span.start)[0];
  if (first || !outputs) return { ok: false, error: first! };
  const { lambda, scope } = outputs;
  const declared = new Set(inputs.inputs.map((input) => input.name));
  const formals = lambda.formals?.formals.map((formal) => formal.name) ?? [];
  const flake: Flake = {
    ok: true,
    ...inputs,
    newlyWrong,
    implicit: formals.filter((name) => name !== 'self' && !declared.has(name)),
    outputs: readOutputs(lambda, scope),
  };
  return { ok: true, text, comments: parsed.comments, set: top, flake, root, lambda, scope, files };
}

/** The outermost scope of flake.nix, from which its expressions reach the other files. */
function treeScope(text: string, files: FlakeFiles, outputs: Tree['outputs']): Scope {
  const opened = new Map<string, Opened>();
  const scopeOf = (path: string, of: string): Scope => ({
    parent: undefined,
    bound: new Map(),
    source: { path, text: of, tree },
  });
  const open = (path: string): Opened => {
    const file = files.nix(path);
    if (!file.ok) return file;
    if (!file.parsed.ok) return { ok: false, reason: file.parsed.error.message };
    return { ok: true, root: { expr: file.parsed.root, scope: scopeOf(file.path, file.text) } };
  };
  const tree: Tree = {
    isWhole: files !== NO_FILES,
    nix: (written) => {
      const path = plainPath(written);
      if (path === undefined) return { ok: false, reason: 'it lies outside of the flake' };
      const known = opened.get(path) ?? open(path);
      opened.set(path, known);
      return known;
    },
    matching: files.matching,
    outputs,
  };
  return scopeOf('./flake.nix', text);
}

type Errors = FlakeError[];

/** The lists of errors: for every Nix, and for those since 2.27. */
interface Complaints {
  readonly errors: Errors;
  readonly newlyWrong: Errors;
}

function readTop(root: SetNode, complaints: Complaints): Pick<Flake, 'description' | 'inputs' | 'self'> {
  const { errors } = complaints;
  refuseDynamic(root, errors);
  for (const node of root.children.values()) {
    if (!['description', 'inputs', 'outputs', 'nixConfig'].includes(node.name)) {
      errors.push({ message: `unsupported attribute '${node.name}'`, span: nameSpan(node) });
    }
  }
  const nixConfig = root.children.get('nixConfig');
  if (nixConfig) checkNixConfig(nixConfig, errors);
  const description = root.children.get('description');
  const text = description && readString(description, 'description', errors);
  const node = root.children.get('inputs');
  const inputs = node && asSet(node, 'inputs', errors);
  const self = inputs && readSelf(inputs, errors);
  return {
    ...(text === undefined ? {} : { description: text }),
    inputs: inputs ? readInputs(inputs, 'inputs', complaints) : [],
    ...(self ? { self } : {}),
  };
}

function outputsFunction(
  root: SetNode,
  top: Expr,
  errors: Errors,
): { lambda: Lambda; scope: Scope | undefined } | undefined {
  const node = root.children.get('outputs');
  const value = node?.kind === 'leaf' ? literalAt(node) : undefined;
  if (value?.expr.kind === 'lambda') return { lambda: value.expr, scope: value.scope };
  if (!node) errors.push({ message: "attribute 'outputs' is missing", span: spanOf(top) });
  else errors.push(wrongKind(node, 'outputs', 'a function'));
  return undefined;
}

function readInputs(set: SetNode, path: string, complaints: Complaints): InputDecl[] {
  const { errors, newlyWrong } = complaints;
  refuseDynamic(set, errors);
  const found: InputDecl[] = [];
  for (const child of set.children.values()) {
    const childPath = `${path}.${child.name}`;
    if (path === 'inputs' && child.name === 'self') continue;
    if (child.name === 'self') newlyWrong.push({ message: `'${childPath}' is not allowed`, span: nameSpan(child) });
    const decl = readInput(child, childPath, complaints);
    if (decl) found.push(decl);
  }
  return found;
}

function readInput(node: AttrNode, path: string, complaints: Complaints): InputDecl | undefined {
  const { errors } = complaints;
  const set = asSet(node, path, errors);
  if (!set) return undefined;
  refuseDynamic(set, errors);
  const take = (name: string) => set.children.get(name);
  const attrs: Record<string, string | number | boolean> = {};
  const attrNodes: AttrNode[] = [];
  for (const child of set.children.values()) {
    if (['flake', 'inputs', 'follows'].includes(child.name) || (child.name === 'url' && !take('type'))) continue;
    attrNodes.push(child);
    const value = literalOf(child);
    if (value?.kind === 'string' || value?.kind === 'bool' || value?.kind === 'int') attrs[child.name] = value.value;
    else errors.push(wrongKind(child, `${path}.${child.name}`, 'a string, Boolean or integer'));
  }
  if (attrNodes[0] && !take('type')) {
    errors.push({ message: `unexpected input attribute '${path}.${attrNodes[0].name}'`, span: nameSpan(attrNodes[0]) });
  }
  const flake = take('flake');
  const flakeValue = flake && literalOf(flake);
  if (flake && flakeValue?.kind !== 'bool') errors.push(wrongKind(flake, `${path}.flake`, 'a Boolean'));
  const follows = take('follows');
  const target = follows && readString(follows, `${path}.follows`, errors);
  const overrides = take('inputs');
  const overridesSet = overrides && asSet(overrides, `${path}.inputs`, errors);
  const url = take('url');
  return {
    name: node.name,
    ref: attrNodes[0] ? { kind: 'attrs', attrs, span: nameSpan(attrNodes[0]) } : readUrl(url, path, errors),
    ...(flakeValue?.kind === 'bool' ? { flake: flakeValue.value } : {}),
    ...(target === undefined ? {} : { follows: target }),
    overrides: overridesSet ? readInputs(overridesSet, `${path}.inputs`, complaints) : [],
    span: nameSpan(node),
  };
}

function readUrl(node: AttrNode | undefined, path: string, errors: Errors): InputRef {
  if (!node) return { kind: 'none' };
  const value = literalOf(node);
  const span = node.kind === 'leaf' ? spanOf(node.value) : nameSpan(node);
  if (value?.kind === 'string') return { kind: 'url', url: value.value, span };
  if (value?.kind === 'path') return { kind: 'path', path: value.value, span };
  errors.push(wrongKind(node, `${path}.url`, 'a string'));
  return { kind: 'none' };
}

function readSelf(inputs: SetNode, errors: Errors): Flake['self'] | undefined {
  const node = inputs.children.get('self');
  const set = node && asSet(node, 'inputs.self', errors);
  if (!set) return undefined;
  const self: { submodules?: boolean | string | number; lfs?: boolean | string | number } = {};
  for (const child of set.children.values()) {
    const value = literalOf(child);
    if (child.name !== 'submodules' && child.name !== 'lfs') {
      errors.push({ message: `unsupported attribute 'inputs.self.${child.name}'`, span: nameSpan(child) });
    } else if (value?.kind === 'bool' || value?.kind === 'string' || value?.kind === 'int')
      self[child.name] = value.value;
    else errors.push(wrongKind(child, `inputs.self.${child.name}`, 'a Boolean'));
  }
  return self;
}

function checkNixConfig(node: AttrNode, errors: Errors): void {
  const set = asSet(node, 'nixConfig', errors);
  if (!set) return;
  refuseDynamic(set, errors);
  for (const child of set.children.values()) {
    const value = literalOf(child);
    const fine = value && value.kind !== 'null' && (value.kind !== 'list' || isStrings(value));
    if (!fine) {
      errors.push(wrongKind(child, `nixConfig.${child.name}`, 'a string, path, integer, Boolean or list of strings'));
    }
  }
}

function failure(message: string, span: Span): { readonly ok: false; readonly error: FlakeError } {
  return { ok: false, error: { message, span } };
}
