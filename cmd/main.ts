// Parses the command line and runs the command. The only importer of yargs, which it loads only when it needs it.

import type { Argv, PositionalOptions, Options as YargsOptions } from 'yargs';
import { withoutCredentials } from '../core/formats/credentials.ts';
import { callerOf } from '../core/host/process/caller.ts';
import { FOREIGN_CODE } from '../core/host/process/environment.ts';
import { isRoot } from '../core/host/process/trusted.ts';
import { readArguments } from './arguments.ts';
import { type Asked, askedFor, commandHelp, programHelp } from './help.ts';
import {
  COMMANDS,
  type Command,
  type CommandName,
  GLOBAL_OPTIONS,
  memberOf,
  type Option,
  optionsOf,
} from './options.ts';
import { escapeLine } from './report/escape.ts';
import { type End, EXIT, exitOfSignal } from './session/exit.ts';
import { type GlobalOptions, type Io, isUsage, type Usage } from './session/io.ts';
import type { Act, Reporting } from './session/run.ts';
import { NO_COMMAND, unknownCommand, usageWords } from './usage-words.ts';
import { NODE_NEEDED, VERSION } from './version.ts';

/** Parses and runs; the exit code. Throws only on bugs. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  if (argv.length === 0) {
    io.out(`${programHelp(false, 80)}\n`);
    return EXIT.usage;
  }
  try {
    refuseForeignCode(io.env);
    if (argv[0] === '__complete') return await (await import('./completion.ts')).answerShell(argv.slice(1), io);
    const typed = readArguments(argv);
    if (typed !== undefined) return await RUN[typed.command](typed.options, io);
    const asked = askedFor(argv);
    return asked === undefined ? await throughYargs(argv, io) : await answer(asked, io);
  } catch (thrown) {
    if (!isUsage(thrown)) throw thrown;
    io.err(`error: ${escapeLine(withoutCredentials(thrown.usage))}\n   = help: reflake --help\n`);
    return EXIT.usage;
  }
}

/**
 * Refuses, where another user called root (sudo), variables that make Node load code: root's process has loaded it already, and
 * must not go on. Root itself, without a caller, has set them as root.
 */
function refuseForeignCode(env: Io['env']): void {
  if (!isRoot() || callerOf(env).uid === 0) return;
  const name = Object.keys(env).find((one) => FOREIGN_CODE.test(one) && env[one] !== '');
  if (name === undefined) return;
  throw {
    usage: `${name} is set, and root does not run what somebody else's environment names: sudo env -u ${name} reflake …`,
  } satisfies Usage;
}

type Run = (options: unknown, io: Io) => Promise<number>;

/** A command that only reads; loaded when it runs. Ended by a signal, it has the exit code of the signal. */
const reading =
  <Options extends GlobalOptions>(verb: CommandName, load: () => Promise<Act<Options>>): Run =>
  async (options, io) => {
    const [act, { run }] = [await load(), await import('./session/run.ts')];
    const ending = async (typed: Options, given: Io, reporting: Reporting): Promise<End> => {
      const end = await act(typed, given, reporting);
      const signal = io.stopped();
      return signal === undefined ? end : { ...end, exit: exitOfSignal(signal) };
    };
    const typed = options as Options;
    return await onTerminal(verb, typed, io, async (given) => await run(verb, ending, typed, given));
  };

/** Only a terminal needs the module, and every start that loads it is slower. */
const onTerminal: typeof import('./paging.ts').paging = async (verb, wishes, io, act) =>
  io.tty.out ? await (await import('./paging.ts')).paging(verb, wishes, io, act) : await act(io);

const writing =
  (verb: 'apply' | 'rollback' | 'recover'): Run =>
  async (options, io) =>
    (await import('./writing.ts')).writing(verb)(options, io);

/** Options are what options.ts describes; the types of the commands can't follow it there. */
const RUN: Readonly<Record<CommandName, Run>> = {
  init: reading('init', async () => (await import('./commands/init.ts')).initCommand),
  plan: reading('plan', async () => (await import('./commands/plan.ts')).planCommand),
  prove: reading('prove', async () => (await import('./commands/prove.ts')).proveCommand),
  same: reading('same', async () => (await import('./commands/same.ts')).sameCommand),
  apply: writing('apply'),
  check: reading('check', async () => (await import('./commands/check.ts')).checkCommand),
  ack: reading('ack', async () => (await import('./commands/ack.ts')).ackCommand),
  rollback: writing('rollback'),
  history: reading('history', async () => (await import('./commands/history.ts')).historyCommand),
  show: reading('show', async () => (await import('./commands/history.ts')).showCommand),
  recover: writing('recover'),
  eject: reading('eject', async () => (await import('./commands/eject.ts')).ejectCommand),
  status: reading('status', async () => (await import('./commands/status.ts')).statusCommand),
  why: reading('why', async () => (await import('./commands/why.ts')).whyCommand),
  doctor: reading('doctor', async () => (await import('./commands/doctor.ts')).doctorCommand(NODE_NEEDED)),
  validate: reading('validate', async () => (await import('./commands/reference.ts')).validateCommand),
  hosts: reading('hosts', async () => (await import('./commands/hosts.ts')).hostsCommand),
  schema: reading('schema', async () => (await import('./commands/reference.ts')).schemaCommand),
  completion: reading('completion', async () => (await import('./completion.ts')).completionCommand),
  man: reading('man', async () => (await import('./man-page.ts')).manCommand),
  explain: reading('explain', async () => (await import('./commands/explain.ts')).explainCommand),
};

/** Of words that are no command the first is told of, as where it is run. */
async function answer(asked: Asked, io: Io): Promise<number> {
  if (asked.kind === 'version') {
    const { versions } = await import('./versions.ts');
    io.out(`${asked.verbose ? await versions() : VERSION}\n`);
    return EXIT.ok;
  }
  const columns = Math.min(100, Math.max(40, io.columns || 80));
  const name = asked.words.find((word): word is CommandName => Object.hasOwn(COMMANDS, word));
  const first = asked.words.find((word) => word !== 'help');
  if (name === undefined && first !== undefined) throw { usage: unknownCommand(first) } satisfies Usage;
  const text = name === undefined ? programHelp(asked.whole, columns) : commandHelp(name, asked.whole, columns);
  return await onTerminal('help', { pager: !asked.plain }, io, async ({ out }) => {
    out(`${text}\n`);
    return EXIT.ok;
  });
}

/** Runs yargs: for every mistake, and correct lines that the quick reader gives up on. */
async function throughYargs(argv: readonly string[], io: Io): Promise<number> {
  let exit: number = EXIT.ok;
  const parser = await commandLine(argv, async (command, options) => {
    exit = await RUN[command](options, io);
  });
  await parser.parseAsync([...argv], {}, () => {});
  return exit;
}

type Called = (command: CommandName, options: Readonly<Record<string, unknown>>) => Promise<void>;

/** yargs, set up from the table of options. It calls `act` for a command line without mistakes. */
export async function commandLine(argv: readonly string[], act: Called): Promise<Argv> {
  const { default: yargs } = await import('yargs');
  const cli = yargs([...argv])
    .scriptName('reflake')
    // help.ts answers these.
    .version(false)
    .help(false)
    .strict()
    .demandCommand(1, NO_COMMAND)
    .showHelpOnFail(false)
    .exitProcess(false)
    // Without these `-t a b` swallows the positional, and `--no-color` clashes with its choices.
    .parserConfiguration({
      'greedy-arrays': false,
      'boolean-negation': true,
      'dot-notation': false,
      'parse-numbers': false,
    })
    .fail((message, error) => {
      if (isUsage(error) || (error !== undefined && error.name !== 'YError')) throw error;
      throw { usage: usageWords(message ?? String(error), argv) } satisfies Usage;
    });
  for (const [name, option] of Object.entries(GLOBAL_OPTIONS)) cli.option(name, forYargs(option));
  for (const name of Object.keys(COMMANDS) as CommandName[]) addCommand(cli, name, act);
  return cli;
}

function addCommand(cli: Argv, name: CommandName, act: Called): void {
  const { describe, positional, options = {}, problem } = COMMANDS[name] as Command;
  cli.command({
    command: positional ? `${name} [${positional.name}${positional.array ? '..' : ''}]` : name,
    describe,
    builder: (command) => {
      if (positional) command.positional(positional.name, forYargs(positional) as PositionalOptions);
      for (const [option, how] of Object.entries(options)) command.option(option, forYargs(how));
      return command.check((args) => {
        const why = givenTwice(name, args) ?? problem?.(args);
        if (why !== undefined) throw { usage: why } satisfies Usage;
        return true;
      });
    },
    handler: (args) => {
      const members = Object.keys(optionsOf(name)).map(memberOf);
      return act(
        name,
        Object.fromEntries(members.map((member) => [member, lastOf(args[member], isList(name, member))])),
      );
    },
  });
}

/** The problem of an option that has one value and is given several; a switch may be repeated. */
function givenTwice(command: CommandName, args: Readonly<Record<string, unknown>>): string | undefined {
  const found = Object.entries(optionsOf(command)).find(
    ([name, { array, type }]) => !array && type !== 'boolean' && Array.isArray(args[name]),
  );
  return found && `--${found[0]} is given more than once, and has one value`;
}

const isList = (command: CommandName, member: string): boolean =>
  Object.entries(optionsOf(command)).some(([name, { array }]) => array === true && memberOf(name) === member);

/** yargs makes a list of a switch that is repeated. */
const lastOf = (value: unknown, list: boolean): unknown => (Array.isArray(value) && !list ? value.at(-1) : value);

/** A copy: the types of yargs have no read-only lists. */
const forYargs = (option: Option): YargsOptions =>
  ({ ...option, ...(option.choices && { choices: [...option.choices] }) }) as YargsOptions;
