// The wishes of a spec for flake.nix, inputs and a host, and the spelling of each in Nix.
// The only place that chooses this spelling; new.ts and the editors lay it out.
import { type Layout, nixAttrName, nixPath, nixString } from '../nix/print.ts';

/** The wished content of flake.nix. Parts left out are not reconciled. */
export interface FlakeWish {
  readonly inputs: readonly InputWish[];
  readonly hosts?: readonly HostWish[];
  /** Names in nixosConfigurations that are to be there no more. */
  readonly gone?: readonly string[];
}

export interface InputWish {
  readonly name: string;
  /** A flake reference, or the path of the input that it follows: one of the two. */
  readonly url?: string;
  readonly target?: string;
  readonly flake?: boolean;
  /** Input of this input → input path of this flake. A key `a/b` is input b of input a. */
  readonly follows?: Readonly<Record<string, string>>;
  /** Input of this input, with the same keys → its replacement. */
  readonly overrides?: Readonly<Record<string, OverrideWish>>;
}

export interface OverrideWish {
  readonly url?: string;
  readonly flake?: boolean;
}

export interface HostWish {
  readonly name: string;
  /** `x86_64-linux` */
  readonly system?: string;
  /** Paths, relative to the flake: `./configuration.nix`. A new host without them gets the default. */
  readonly modules?: readonly string[];
}

/** The installers' module, for a host whose modules are not named anywhere. */
export const DEFAULT_MODULES: readonly string[] = ['./configuration.nix'];

/** A binding to print: its path, relative to the set it goes into, and its value. */
export interface NewBinding {
  readonly path: readonly string[];
  readonly value: Layout;
}

/** `path = value;` */
export function bindingLayout(path: string, value: Layout): Layout {
  if (typeof value === 'string') return `${path} = ${value};`;
  return { ...value, head: `${path} = ${value.head}`, tail: (value.tail ?? '') + ';' };
}

/** The attributes of an input, relative to `inputs.<name>`. */
export function inputBindings(wish: InputWish): NewBinding[] {
  return [
    wish.target === undefined
      ? { path: ['url'], value: nixString(wish.url ?? '') }
      : { path: ['follows'], value: nixString(wish.target) },
    ...(wish.flake === false ? [{ path: ['flake'], value: 'false' }] : []),
    ...Object.entries(wish.follows ?? {}).map(([input, target]) => ({
      path: followsPath(input),
      value: nixString(target),
    })),
    ...Object.entries(wish.overrides ?? {}).flatMap(([input, { url, flake }]) => [
      ...(url === undefined ? [] : [{ path: [...overridePath(input), 'url'], value: nixString(url) }]),
      ...(flake === false ? [{ path: [...overridePath(input), 'flake'], value: 'false' }] : []),
    ]),
  ];
}

/** `a/b` → `inputs.a.inputs.b.follows`, as names. */
export function followsPath(input: string): string[] {
  return [...overridePath(input), 'follows'];
}

/** `a/b` → `inputs.a.inputs.b`, as names. */
export function overridePath(input: string): string[] {
  return pathTokens(input).flatMap((name) => ['inputs', name]);
}

/** An input path as Nix splits it: empty parts don't count. */
export function pathTokens(path: string): string[] {
  return path.split('/').filter((token) => token !== '');
}

/** Expressions that a host uses: for nixpkgs, and for all inputs if there is one. */
export interface HostScope {
  readonly nixpkgs: string;
  readonly inputs?: string;
}

export const NONE = Symbol('none');

/** The style that a host takes over from those beside it. */
export interface HostStyle {
  readonly fn?: string;
  /** Undefined: what the place of the hosts offers. */
  readonly specialArgs?: Layout | typeof NONE;
  readonly system?: string;
  /** `[./x]` and not `[ ./x ]`. */
  readonly isTight?: boolean;
  /** A list of modules on one line, or with one a line. Undefined: several get lines of their own. */
  readonly list?: 'flat' | 'tall';
}

/** `nixpkgs.lib.nixosSystem { … }`, with the inputs as an argument of the modules, which have no other way to them. */
export function hostLayout(wish: HostWish, scope: HostScope, style: HostStyle = {}): Layout {
  const args: Layout[] = [];
  if (wish.system !== undefined) args.push(style.system ?? `system = ${nixString(wish.system)};`);
  if (style.specialArgs !== undefined) args.push(...(style.specialArgs === NONE ? [] : [style.specialArgs]));
  else if (scope.inputs !== undefined) {
    args.push(`specialArgs = { ${scope.inputs === 'inputs' ? 'inherit inputs;' : `inputs = ${scope.inputs};`} };`);
  }
  args.push(bindingLayout('modules', modulesLayout(wish.modules ?? DEFAULT_MODULES, style)));
  return { head: `${style.fn ?? `${scope.nixpkgs}.lib.nixosSystem`} {`, items: args, tail: '}' };
}

/** A list of module paths. */
export function modulesLayout(modules: readonly string[], { isTight = false, list }: HostStyle = {}): Layout {
  const paths = modules.map(nixPath);
  if (paths.length > 0 && (list === 'tall' || (paths.length >= 2 && list === undefined)))
    return { head: '[', items: paths, tail: ']' };
  return isTight && paths.length > 0 ? `[${paths.join(' ')}]` : ['[', ...paths, ']'].join(' ');
}

/** The input that makes hosts: called nixpkgs, else named after it, else with a url that names it. */
export function nixpkgsInput(inputs: readonly { readonly name: string; readonly url?: string }[]): string | undefined {
  const found =
    inputs.find(({ name }) => name === 'nixpkgs') ??
    inputs.find(({ name }) => name.startsWith('nixpkgs')) ??
    inputs.find(({ url }) => url !== undefined && /(^|[/:])nixpkgs($|[/?.])/i.test(url));
  return found?.name;
}

/** `inputs.nixpkgs`, `inputs."nixpkgs-24.05"` */
export function inputOf(param: string, name: string): string {
  return `${param}.${nixAttrName(name)}`;
}
