// Modules of NixOS: the facts read from the text, and the edits of it, against what it evaluates to.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { removeBinding, setFeatures } from '../../core/formats/module/edit.ts';
import { type ModuleFacts, readModule } from '../../core/formats/module/module.ts';
import { nixString } from '../../core/formats/nix/print.ts';
import type { Static } from '../../core/formats/nix-value/static.ts';
import { randomModule } from '../core/formats/module/random.ts';
import { snippets } from '../core/formats/module/snippets.ts';
import { mutate } from '../core/formats/nix/syntax-corpus.ts';
import { askRepl, type RealNix, writeTree } from './real-nix.ts';
import type { Some } from './sample.ts';
import type { Tally } from './tally.ts';

const cases = new URL('../cases/', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, cases), 'utf8');
const listed = (folder: string): readonly string[] =>
  readdirSync(new URL(folder, cases)).flatMap((name) => (name.endsWith('.nix') ? [read(folder + name)] : []));
const befores = (path: string): readonly string[] =>
  read(path)
    .split(/^=== .*\n/m)
    .slice(1)
    .map((block) => block.split(/^--- .*\n/m)[0]!);

const texts: readonly string[] = [
  ...snippets.map(([text]) => text),
  ...listed('nix-module/'),
  ...listed('samples/'),
  ...befores('nix-module/edits.txt'),
  ...befores('nix-module/removals.txt'),
];
const random = (seed: number, some: Some): readonly string[] =>
  some(fc.sample(randomModule, { numRuns: 300, seed })).map(({ text }) => text);

/** The values of a module by Nix; undefined if it throws. */
interface Evaluated {
  readonly hostName: string | null;
  readonly stateVersion: string | null;
  readonly hostPlatform: string | null;
  readonly users: readonly string[];
  readonly imports: readonly string[];
  readonly copySystemConfiguration: boolean | null;
  readonly autoUpgrade: { readonly enable: unknown; readonly channel: unknown; readonly flake: unknown };
  readonly settings: Readonly<Record<string, unknown>>;
  readonly extraOptions: string;
}

/** Each fact that we call static is what Nix evaluates; each we call absent is not there. */
export function compareFacts(tally: Tally, real: RealNix, some: Some): void {
  const all = [...texts, ...random(61, some), ...some(mutate(texts, 2500, 63))].filter((text) => readModule(text).ok);
  const evaluated = evaluateModules(all, 'facts', real);
  all.forEach((text, index) => {
    const facts = readModule(text);
    const theirs = evaluated[index];
    if (!facts.ok) return;
    if (theirs === undefined) {
      tally.leaves('a module that does not evaluate by itself');
      return;
    }
    const check = (name: string, ours: Static<unknown>, value: unknown): void => {
      if (ours.kind === 'not-static') tally.leaves('a value that the text does not show');
      else tally.same(`${name} of ${text}`, ours.kind === 'static' ? ours.value : null, value);
    };
    check('hostName', facts.hostName, theirs.hostName);
    check('stateVersion', facts.stateVersion, theirs.stateVersion);
    check('hostPlatform', facts.hostPlatform, theirs.hostPlatform);
    check('copySystemConfiguration', facts.copySystemConfiguration, theirs.copySystemConfiguration);
    for (const option of ['enable', 'channel', 'flake'] as const)
      check(`autoUpgrade.${option}`, facts.autoUpgrade[option], theirs.autoUpgrade[option]);
    check('features', asSet(facts.features.effective), effectOf(theirs));
    check('users', together(facts.users), theirs.users);
    check('imports', importsOf(facts, join(real.scratch, 'facts')), theirs.imports);
  });
}

/** Modules with features added, and without copySystemConfiguration, say so to Nix and differ in nothing else. */
export function compareModuleEdits(tally: Tally, real: RealNix, some: Some): void {
  const wanted = ['flakes', 'nix-command'];
  const pairs = [...texts, ...random(62, some), ...some(mutate(texts, 800, 64))].flatMap((before) => {
    const features = setFeatures(before, wanted);
    const removal = removeBinding(before, ['system', 'copySystemConfiguration']);
    return [
      ...(features.ok ? [{ before, after: features.text, what: 'features' }] : []),
      ...(removal.ok && removal.text !== before ? [{ before, after: removal.text, what: 'removal' }] : []),
    ];
  });
  const [before, after] = (['before', 'after'] as const).map((key) =>
    evaluateModules(
      pairs.map((pair) => pair[key]),
      'edits',
      real,
    ),
  ) as [readonly (Evaluated | undefined)[], readonly (Evaluated | undefined)[]];
  pairs.forEach(({ after: text, what }, index) => {
    const [was, is] = [before[index], after[index]];
    // The removed binding may have been the one that did not evaluate.
    if (was === undefined && (is === undefined || what === 'removal')) return;
    if (was === undefined || is === undefined) {
      tally.disagreements.push(`${what}: ${is === undefined ? 'no longer evaluates' : 'evaluates now'}: ${text}`);
      return;
    }
    const had = effectOf(was) ?? [];
    const expected = what === 'features' ? [...new Set([...had, ...wanted])].sort() : effectOf(was);
    const rest = (one: Evaluated): object => ({ ...one, settings: 0, extraOptions: 0, copySystemConfiguration: 0 });
    tally.same(`${what}: ${text}`, { features: expected, rest: rest(was) }, { features: effectOf(is), rest: rest(is) });
  });
}

const asSet = (features: Static<readonly string[]>): Static<readonly string[]> =>
  features.kind === 'static' ? { ...features, value: [...new Set(features.value)].sort() } : features;

function together(users: readonly Static<string>[]): Static<readonly string[]> {
  const names: string[] = [];
  for (const user of users) {
    if (user.kind === 'not-static') return user;
    if (user.kind === 'static') names.push(user.value);
  }
  return { kind: 'static', value: names.sort(), span: { start: 0, end: 0 } };
}

function importsOf({ imports }: ModuleFacts, directory: string): Static<readonly string[]> {
  const known = imports.map((one) => {
    if (one.kind === 'relative') return join(directory, one.path);
    return one.kind === 'inline' ? 'inline' : one.kind === 'absolute' ? one.text.replaceAll('"', '') : undefined;
  });
  const span = { start: 0, end: 0 };
  const all = known.filter((one) => one !== undefined);
  if (all.length < known.length) return { kind: 'not-static', reason: 'computed', span };
  return { kind: 'static', value: all, span };
}

/** The features that a module asks for by its settings, then by the lines of extraOptions; null where it does not. */
function effectOf({ settings, extraOptions }: Evaluated): readonly string[] | null {
  const split = (value: unknown): readonly string[] =>
    Array.isArray(value) ? (value as string[]) : String(value).split(/\s+/).filter(Boolean);
  let features: readonly string[] | undefined;
  for (const [prefix, value] of [
    ['', settings['experimental-features']],
    ['extra-', settings['extra-experimental-features']],
  ])
    if (value !== undefined) features = prefix === '' ? split(value) : [...(features ?? []), ...split(value)];
  for (const line of extraOptions.split('\n')) {
    const match = /^\s*(extra-)?experimental-features\s+=([^#]*)/.exec(line);
    if (match) features = [...(match[1] === undefined ? [] : (features ?? [])), ...split(match[2])];
  }
  return features === undefined ? null : [...new Set(features)].sort();
}

/** One answer for each module, in one process: the read-eval-print loop goes on where a module throws. */
function evaluateModules(
  modules: readonly string[],
  folder: string,
  real: RealNix,
): readonly (Evaluated | undefined)[] {
  const dir = join(real.scratch, folder);
  // Names that a module takes from around it. Bound by `with`, since every variable of the module itself hides them.
  const wrapped = modules.map((text, index) => [`${index}.nix`, `with import ./around.nix;\n(\n${text}\n)\n`] as const);
  writeTree(dir, { ...Object.fromEntries(wrapped), 'around.nix': around, 'observe.nix': observe });
  const expressions = modules.map(
    (_, index) => `import ${dir}/observe.nix (import (/. + ${nixString(join(dir, `${index}.nix`))}))`,
  );
  return askRepl(real, expressions) as readonly (Evaluated | undefined)[];
}

const around = `rec {
  lib = {
    mkDefault = x: x; mkForce = x: x; mkOverride = _: x: x; mkEnableOption = x: x;
    mkIf = cond: x: if cond then x else { };
    optional = cond: x: if cond then [ x ] else [ ];
    optionals = cond: x: if cond then x else [ ];
    genAttrs = names: f: builtins.listToAttrs (map (name: { inherit name; value = f name; }) names);
  };
  pkgs = { inherit lib; nixFlakes = 1; nixVersions.latest = 1; };
  inherit (lib) mkDefault mkForce mkOverride mkIf;
  modulesPath = "/m";
  config.sops.secrets.token.path = "/t";
  x = true;
}
`;
const observe = `module:
let
  around = import ./around.nix;
  all = if builtins.isFunction module then module around else module;
  c = if all ? config || all ? options then all.config or { } else all;
  users = (c.users.users or { }) // (c.users.extraUsers or { });
  nixpkgs = c.nixpkgs or { };
  platform = nixpkgs.hostPlatform or nixpkgs.system or nixpkgs.localSystem or null;
  upgrade = c.system.autoUpgrade or { };
in {
  hostName = c.networking.hostName or null;
  stateVersion = c.system.stateVersion or null;
  hostPlatform = platform.system or platform;
  users = builtins.filter (name: users.\${name}.isNormalUser or false) (builtins.attrNames users);
  imports = map (one: if builtins.isPath one then toString one else if builtins.isString one then one else "inline") (all.imports or [ ]);
  copySystemConfiguration = c.system.copySystemConfiguration or null;
  autoUpgrade = { enable = upgrade.enable or null; channel = upgrade.channel or null; flake = upgrade.flake or null; };
  settings = c.nix.settings or { };
  extraOptions = c.nix.extraOptions or "";
}
`;
