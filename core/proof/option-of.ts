// The option of a configuration that most likely makes a cause: the one whose name or value stands in what changed. Read from
// the text of its modules, so it points to a place and proves nothing. Pure.

import { positionAt } from '../diagnostic.ts';
import { versioned } from '../formats/derivation/store-name.ts';
import { openModule } from '../formats/module/config.ts';
import type { Binding, Expr } from '../formats/nix/syntax.ts';
import { walk } from '../formats/nix/walk.ts';
import type { Cause, Change, OptionPlace } from '../proven.ts';

/** A file of a tree; `name`: its path in it. */
export interface ModuleText {
  readonly name: string;
  readonly text: string;
}

/** An option that a module sets. Words are in lower case. */
interface Assigned {
  readonly place: OptionPlace;
  /** The parts of its name. */
  readonly parts: ReadonlySet<string>;
  /** The strings, numbers and names in its value. */
  readonly values: ReadonlySet<string>;
}

/** Finds the option of a cause among those that the modules set; undefined where none fits, or several fit alike. */
export function optionFinder(
  modules: readonly ModuleText[],
): (cause: Pick<Cause, 'way' | 'change'>) => OptionPlace | undefined {
  const all = modules.flatMap(optionsIn);
  return (cause) => {
    const words = wordsOf(cause);
    const ranked = all
      .map((one) => ({ place: one.place, fits: fitting(one, words) }))
      .filter(({ fits }) => fits >= ENOUGH)
      .sort((one, other) => other.fits - one.fits);
    const [best, second] = ranked;
    return best === undefined || best.fits === second?.fits ? undefined : best.place;
  };
}

interface Words {
  /** Stand in what changed. */
  readonly changed: ReadonlySet<string>;
  /** The lines that changed. */
  readonly text: string;
  /** Name what is changed, on the way to it. */
  readonly way: ReadonlySet<string>;
}

/** A word of the change counts more than a name on the way; that name alone is not enough. */
const [STRONG, WEAK, ENOUGH] = [3, 1, 3];
/** Letters of a value that is looked for within words, as in `zoneinfo/Europe/Paris`. */
const TELLING = 6;

function fitting({ parts, values }: Assigned, { changed, text, way }: Words): number {
  const has = (one: ReadonlySet<string>, other: ReadonlySet<string>): boolean =>
    [...one].some((word) => other.has(word));
  const isInText = [...values].some((value) => value.length >= TELLING && text.includes(value));
  const isValue = isInText || has(values, changed);
  return (has(parts, changed) ? STRONG : 0) + (isValue ? STRONG : 0) + (has(parts, way) ? WEAK : 0);
}

function wordsOf({ way, change }: Pick<Cause, 'way' | 'change'>): Words {
  return {
    changed: new Set(changedWords(change).map((word) => word.toLowerCase())),
    text: textOf(change).toLowerCase(),
    way: new Set(way.map((name) => plainName(name).toLowerCase())),
  };
}

function changedWords(change: Change): readonly string[] {
  switch (change.kind) {
    case 'version':
      return [change.name];
    case 'inputs':
      return [...change.went, ...change.came].flatMap((name) => [plainName(name), versioned(name).name]);
    case 'source':
      return [plainName(change.name), ...(change.lines === undefined ? [] : linesWords(change.lines))];
    case 'text':
      return linesWords(change.lines);
    case 'unknown':
      return [];
  }
}

function textOf(change: Change): string {
  if ((change.kind !== 'text' && change.kind !== 'source') || change.lines === undefined) return '';
  return [...change.lines.went, ...change.lines.came].join('\n');
}

/** The words of the lines, and the parts of words that are put together. */
const linesWords = ({ went, came }: { readonly went: readonly string[]; readonly came: readonly string[] }) =>
  [...went, ...came]
    .flatMap((line) => line.match(/[\w./-]{3,}|\w{3,}/g) ?? [])
    .flatMap((word) => [word, ...word.split(/[^\w]/)])
    .filter((word) => word.length >= 3 && !COMMON.has(word.toLowerCase()));

/** Words that stand everywhere. */
const COMMON: ReadonlySet<string> = new Set([
  ...[
    'enable',
    'text',
    'source',
    'value',
    'name',
    'package',
    'settings',
    'config',
    'true',
    'false',
    'null',
    'out',
    'bin',
  ],
  ...['etc', 'nix', 'store', 'system', 'services', 'users', 'the', 'with', 'type', 'path', 'pkgs', 'lib', 'nixos'],
]);

/** `sshd` of `unit-sshd.service`, `motd` of `etc-motd`. */
const plainName = (name: string): string =>
  name.replace(/^(unit|etc)-/, '').replace(/\.(service|socket|timer|mount|path|target|slice)$/, '');

function optionsIn({ name: file, text }: ModuleText): readonly Assigned[] {
  const opened = openModule(text);
  if (!opened.ok) return [];
  const found: Assigned[] = [];
  const open: [prefix: readonly string[], binding: Binding][] = opened.module.set.bindings.map((one) => [[], one]);
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [prefix, binding] = next;
    if (binding.kind !== 'bind') continue;
    const names = binding.path.names.map((one) => (one.kind === 'static' ? one.name : '*'));
    const path = [...prefix, ...names];
    const inner = innerSet(binding.value);
    if (inner !== undefined) for (const one of inner) open.push([path, one]);
    else found.push(assigned(path[0] === 'config' ? path.slice(1) : path, binding.value, file, text, binding.start));
  }
  return found.filter(({ place: { option } }) => !/^(imports|options)(\.|$)/.test(option));
}

/** The bindings of a set, also below functions as mkIf, that does not stand in a list. */
function innerSet(value: Expr): readonly Binding[] | undefined {
  if (value.kind === 'attrs') return value.bindings;
  if (value.kind === 'paren') return innerSet(value.inner);
  return value.kind === 'apply' ? innerSet(value.arg) : undefined;
}

function assigned(path: readonly string[], value: Expr, file: string, text: string, at: number): Assigned {
  const values = new Set<string>();
  walk(value, (expr) => {
    if (expr.kind === 'string')
      for (const part of expr.parts)
        if (part.kind === 'text') for (const line of part.value.split('\n')) values.add(line.trim());
    if (expr.kind === 'int') values.add(expr.text);
    if (expr.kind === 'var') values.add(expr.name);
    if (expr.kind === 'select') for (const one of expr.path.names) if (one.kind === 'static') values.add(one.name);
  });
  const words = [...values].map((word) => word.toLowerCase()).filter((word) => word !== '' && !COMMON.has(word));
  const parts = path.map((part) => part.toLowerCase()).filter((part) => !COMMON.has(part));
  return {
    place: { option: path.map(shown).join('.'), file, ...positionAt(text, at) },
    parts: new Set(parts),
    values: new Set(words),
  };
}

const shown = (name: string): string => (/^[A-Za-z_*][\w'-]*$/.test(name) ? name : JSON.stringify(name));
