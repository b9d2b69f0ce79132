// Reads ordinary command lines without yargs, whose loading and setup cost as much as a small plan. It gives what yargs would
// give, or gives up where it is not sure.

import { COMMANDS, type Command, type CommandName, memberOf, type Option, optionsOf } from './options.ts';

/** `options` has every option of the command, under the names that the commands read. */
export interface Typed {
  readonly command: CommandName;
  readonly options: Readonly<Record<string, unknown>>;
}

/** Undefined: let yargs decide, and explain what is wrong. `argv` is without Node and the program. */
export function readArguments(argv: readonly string[]): Typed | undefined {
  const [command, ...words] = argv;
  if (command === undefined || !Object.hasOwn(COMMANDS, command)) return undefined;
  const { positional } = COMMANDS[command as CommandName] as Command;
  // Words are left to yargs, and where there are several they are the point.
  if (positional?.array) return undefined;
  const known = optionsOf(command as CommandName);
  const given: Record<string, unknown> = {};
  for (let at = 0; at < words.length; at++) {
    const found = optionIn(words[at]!, known);
    if (found === undefined || found.option.type === 'number') return undefined;
    const { name, option } = found;
    const before = given[name];
    // yargs makes a list of an option that is given twice.
    if (before !== undefined && !option.array) return undefined;
    if (option.type === 'boolean') given[name] = found.value;
    else {
      const value = found.value ?? words[++at];
      if (typeof value !== 'string' || !PLAIN.test(value) || option.choices?.includes(value) === false)
        return undefined;
      given[name] = option.array ? [...((before as string[] | undefined) ?? []), value] : value;
    }
  }
  const options = Object.entries(known).map(([name, option]) => [memberOf(name), given[name] ?? option.default]);
  return { command: command as CommandName, options: Object.fromEntries(options) };
}

/** A word that is not empty, looks like no option and has no quote that yargs would remove. */
const PLAIN = /^[^-'"\s][^\s'"]*$/;

interface Found {
  readonly name: string;
  readonly option: Option;
  /** Undefined: the value is the next word. */
  readonly value: string | boolean | undefined;
}

/** `--name`, `--name=value`, `--no-name` or `-n`; a value behind the name of a boolean is not ordinary. */
function optionIn(word: string, known: Readonly<Record<string, Option>>): Found | undefined {
  if (!word.startsWith('--')) {
    const name = Object.keys(known).find((one) => word === `-${known[one]!.alias}`);
    return name === undefined ? undefined : { name, option: known[name]!, value: true };
  }
  const cut = word.indexOf('=');
  const typed = word.slice(2, cut === -1 ? undefined : cut);
  const isNegated = typed.startsWith('no-');
  const name = isNegated ? typed.slice(3) : typed;
  const option = Object.hasOwn(known, name) ? known[name]! : undefined;
  if (option === undefined) return undefined;
  if (option.type === 'boolean') return cut === -1 ? { name, option, value: !isNegated } : undefined;
  return isNegated ? undefined : { name, option, value: cut === -1 ? undefined : word.slice(cut + 1) };
}
