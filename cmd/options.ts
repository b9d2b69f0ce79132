// Every command and option, as data. main.ts sets yargs up from this table, and the quick reader (arguments.ts) uses it too.

import { FORMATS } from './report/formats/registry.ts';

/** An option as yargs describes one. Without a type its value is one of the choices. */
export interface Option {
  readonly type?: 'boolean' | 'string' | 'number';
  readonly alias?: string;
  /** May be repeated; the value is a list. */
  readonly array?: true;
  readonly choices?: readonly string[];
  readonly default?: boolean | string;
  readonly requiresArg?: true;
  readonly describe?: string;
  /** What its value is called in the help. */
  readonly argument?: string;
  /** What its value may be, for the completion of shells; choices say it themselves. */
  readonly completes?: Completes;
}

export type Completes =
  | 'file'
  | 'directory'
  | 'apply'
  | 'apply or file'
  | 'host'
  | 'user'
  | 'code'
  | 'format'
  | 'part'
  | 'wish'
  | 'command';

export type Options = Readonly<Record<string, Option>>;

export interface Command {
  readonly describe: string;
  /** One optional word behind the command; with `array` several. */
  readonly positional?: Option & { readonly name: string };
  readonly options?: Options;
  /** The problem of options that are each right, but not together. */
  readonly problem?: (options: Readonly<Record<string, unknown>>) => string | undefined;
  readonly examples?: readonly (readonly [line: string, what: string])[];
}

/** The options of every command. */
export const GLOBAL_OPTIONS = {
  spec: {
    type: 'string',
    argument: 'FILE',
    completes: 'file',
    describe: 'the spec; else $REFLAKE_SPEC, ./reflake.yaml, upwards, /etc/nixos',
    requiresArg: true,
  },
  'trust-spec-of': {
    type: 'string',
    argument: 'USER',
    completes: 'user',
    describe: 'as root: the spec may be this user’s, for what is theirs; USER:all without limits',
    requiresArg: true,
  },
  host: {
    type: 'string',
    argument: 'NAME',
    requiresArg: true,
    describe: 'which host of a spec with several; all: only what is of the repository',
  },
  root: {
    type: 'string',
    argument: 'DIR',
    completes: 'directory',
    default: '/',
    describe: 'treat this directory as the machine',
    requiresArg: true,
  },
  state: {
    type: 'string',
    argument: 'DIR',
    completes: 'directory',
    describe: 'where journal and history are kept',
    requiresArg: true,
  },
  format: {
    type: 'string',
    array: true,
    requiresArg: true,
    completes: 'format',
    describe: `FORMAT, or FORMAT=FILE, and several of them: ${FORMATS.join(', ')}; human by default`,
  },
  'allow-downgrade': {
    type: 'boolean',
    default: false,
    describe: 'take a nixpkgs that is older than the running system',
  },
  'allow-rename': {
    type: 'boolean',
    default: false,
    describe: 'give the machine the new name that spec and configuration say',
  },
  eol: {
    type: 'string',
    argument: 'FILE',
    completes: 'file',
    requiresArg: true,
    describe: 'when releases of NixOS end, for lock.eol; instead of the dates that are built in',
  },
  offline: { type: 'boolean', default: false, describe: 'never use the network' },
  only: {
    type: 'string',
    argument: 'PART',
    array: true,
    requiresArg: true,
    completes: 'part',
    describe: 'look only at this: a word of the spec (features, config.owner) or a provider (may be repeated)',
  },
  skip: {
    type: 'string',
    argument: 'PART',
    array: true,
    requiresArg: true,
    completes: 'part',
    describe: 'leave this out (may be repeated)',
  },
  input: { type: 'boolean', default: true, describe: 'never ask: fail where a question is open' },
  color: { choices: ['auto', 'always', 'never'], default: 'auto', describe: 'colours on the terminal' },
  pager: { type: 'boolean', default: true, describe: 'never show long output in a pager' },
  ascii: { type: 'boolean', describe: 'plain ASCII symbols' },
  quiet: { alias: 'q', type: 'boolean', default: false, describe: 'only results and problems' },
  verbose: { alias: 'v', type: 'boolean', default: false, describe: 'say more' },
} as const satisfies Options;

const EVALUATE = {
  evaluate: {
    choices: ['auto', 'always', 'never'],
    default: 'auto',
    describe: 'ask Nix about what the texts leave open; always: about what they tell too',
  },
} as const;

const REPO = {
  type: 'boolean',
  default: false,
  describe: 'only the checkout that the spec lies in: no machine, Nix (but with --evaluate always), network or root',
} as const satisfies Option;

const RECORD = {
  record: {
    type: 'string',
    argument: 'FILE',
    completes: 'file',
    requiresArg: true,
    describe: 'since when each difference is there: check keeps it in this file',
  },
} as const;

const WAIT = {
  wait: {
    type: 'string',
    argument: 'TIME',
    requiresArg: true,
    describe: 'how long to wait for another apply that runs: 60s, 5m',
  },
} as const;

const KEEP = {
  keep: {
    type: 'string',
    argument: 'NUMBER',
    requiresArg: true,
    describe: 'how many applies the history keeps; 50 by default',
  },
  'keep-size': {
    type: 'string',
    argument: 'SIZE',
    requiresArg: true,
    describe: 'how large the history may be: 256M by default',
  },
} as const;

const YES = { yes: { alias: 'y', type: 'boolean', default: false, describe: 'do not ask' } } as const satisfies Options;

/** In the order of the help. */
export const COMMANDS = {
  init: {
    describe: 'look at this machine and write the spec that describes it',
    options: {
      ...YES,
      name: { type: 'string', completes: 'host', describe: 'host name' },
      system: { type: 'string', describe: 'x86_64-linux, aarch64-linux, …' },
      release: { type: 'string', describe: 'NixOS release: 26.05, unstable, 26.05-small' },
      user: { type: 'string', completes: 'user', describe: 'owner of the configuration' },
      path: {
        type: 'string',
        argument: 'DIR',
        completes: 'directory',
        describe: 'where the configuration is to live; a flake that is there is adopted',
      },
      nixpkgs: {
        type: 'string',
        argument: 'REF',
        describe: 'flake reference of nixpkgs, instead of the release branch',
      },
      activate: {
        choices: ['none', 'build', 'test', 'boot', 'switch'],
        describe: 'what apply does with the system; nothing by default',
      },
      add: {
        type: 'boolean',
        default: false,
        describe: 'add this machine to the hosts of the spec that is there; its modules are named as the others’ are',
      },
      force: { type: 'boolean', default: false, describe: 'overwrite the spec that is there' },
    },
    examples: [
      ['$0 init --yes', 'write ./reflake.yaml from what is found'],
      ['$0 init --add --yes', 'one machine more in a spec with several'],
    ],
  },
  plan: {
    describe: 'show what would change, and why; changes nothing',
    options: {
      ...EVALUATE,
      diff: { type: 'boolean', default: false, describe: 'show the bytes' },
      out: {
        type: 'string',
        argument: 'FILE',
        completes: 'file',
        requiresArg: true,
        describe: 'save the plan to this file; -: print it',
      },
      'detailed-exitcode': { type: 'boolean', default: false, describe: 'exit 2 where something would change' },
      prove: {
        type: 'boolean',
        default: false,
        describe: 'prove that it is the same system, or show in what it differs',
      },
    },
    examples: [
      ['$0 plan --diff', 'every byte that would be written'],
      ['$0 plan --out plan.json', 'a plan to be applied exactly'],
    ],
  },
  prove: {
    describe: 'is the planned system the one that is there? builds nothing',
    examples: [['$0 prove', 'before a channel becomes a flake, or after an edit']],
  },
  same: {
    describe: 'are two configurations the same system? --host all: on every host',
    positional: {
      name: 'systems',
      type: 'string',
      array: true,
      describe: 'two of: a git revision, ., a flake reference, a generation, a store path, running, booted',
    },
    options: {
      channel: { type: 'boolean', default: false, describe: 'the channel is the first of the two' },
    },
    examples: [
      ['$0 same HEAD . --host all', 'what a change of the flake changes, on every host'],
      ['$0 same running .', 'is what runs what the files say?'],
    ],
  },
  apply: {
    describe: 'make it so, or leave the machine exactly as it was',
    positional: { name: 'plan', type: 'string', completes: 'file', describe: 'a saved plan' },
    options: {
      ...YES,
      ...WAIT,
      ...KEEP,
      ...EVALUATE,
      expect: {
        type: 'string',
        argument: 'ID',
        requiresArg: true,
        describe: 'refuse any plan but the one with this id',
      },
      'accept-difference': {
        type: 'string',
        argument: 'ID',
        requiresArg: true,
        describe: 'go on though the system becomes another one: the id of the difference, from its proof',
      },
    },
    examples: [
      ['sudo $0 apply', 'plan, ask, apply'],
      ['sudo $0 apply plan.json --expect 7f3c9a12', 'exactly the plan that was reviewed'],
    ],
  },
  check: {
    describe: 'the drift check for CI: exit 0 in sync, 2 drift',
    options: {
      ...EVALUATE,
      strict: { type: 'boolean', default: false, describe: 'what is undecided fails too' },
      repo: REPO,
      ...RECORD,
      'notify-state': {
        type: 'string',
        argument: 'FILE',
        completes: 'file',
        requiresArg: true,
        describe: 'say only what changed since the last check that wrote this file; nothing where nothing did',
      },
      after: {
        type: 'string',
        argument: 'NUMBER',
        requiresArg: true,
        describe: 'with --notify-state: so many drifts in a row, before they are told and the exit code is 2',
      },
    },
    examples: [
      ['$0 check --repo --format github', 'on a pull request: files, hosts, lock and git'],
      ['$0 check --repo --host web', 'of one host of a spec with several'],
    ],
  },
  ack: {
    describe: 'accept what check finds: adds it to the spec',
    positional: { name: 'finding', type: 'string', describe: 'its id, or the first digits: reflake check -v' },
    options: {
      ...EVALUATE,
      repo: REPO,
      all: { type: 'boolean', default: false, describe: 'everything that is found' },
      reason: { type: 'string', argument: 'TEXT', requiresArg: true, describe: 'why it is accepted' },
      until: {
        type: 'string',
        argument: 'DAY',
        requiresArg: true,
        describe: 'the last day on which it is: 2027-03-01',
      },
      by: { type: 'string', argument: 'NAME', requiresArg: true, describe: 'who accepts it' },
    },
    examples: [
      ['$0 ack 3f1c9a12 --reason "pinned" --until 2027-03-01', 'one difference, for a time'],
      ['$0 ack --all --reason baseline', 'what differs today is no drift tomorrow'],
    ],
  },
  rollback: {
    describe: 'undo an apply; repeated, back to the first machine',
    positional: {
      name: 'apply',
      type: 'number',
      completes: 'apply',
      describe: 'the apply to undo; the newest by default',
    },
    options: {
      ...YES,
      ...WAIT,
      ...KEEP,
      to: {
        type: 'number',
        argument: 'NUMBER',
        completes: 'apply',
        requiresArg: true,
        describe: 'undo everything after this apply; 0: all',
      },
      force: { type: 'boolean', default: false, describe: 'overwrite what was changed since; it is recorded first' },
      diff: { type: 'boolean', default: false, describe: 'show the bytes' },
    },
    problem({ apply, to }) {
      if (apply !== undefined && to !== undefined) return 'name an apply, or --to one, not both';
      if (Number.isNaN(apply) || Number.isNaN(to)) return 'an apply is named by its number: reflake history';
      return undefined;
    },
    examples: [['sudo $0 rollback --to 0', 'back to the very first machine']],
  },
  history: { describe: 'past applies' },
  show: {
    describe: 'one apply, or a saved plan',
    positional: {
      name: 'what',
      type: 'string',
      completes: 'apply or file',
      describe: 'number of an apply, or file of a plan',
    },
    options: { diff: { type: 'boolean', default: false, describe: 'show the bytes, before and after' } },
    examples: [
      ['$0 show plan.json --diff', 'a saved plan as it was shown, and every byte'],
      ['$0 show 3 --diff', 'what apply 3 changed, from the history'],
    ],
  },
  recover: { describe: 'undo what a crash left unfinished', options: { ...WAIT } },
  eject: {
    describe:
      'say what reflake has left on this machine, and remove it; files of people stay, and nothing can be undone afterwards',
    options: { ...YES, ...WAIT },
    examples: [['sudo $0 eject', 'the history, the caches and scratch directories; it asks first']],
  },
  status: {
    describe: 'one screen: where the configuration is, what holds, the last apply, what runs against the flake',
    options: { ...EVALUATE },
    examples: [['$0 status --evaluate never', 'at once, without Nix']],
  },
  why: {
    describe: 'one wish whole: where it stands, what was observed, the rule, the remedy; or why nothing happens',
    positional: {
      name: 'what',
      type: 'string',
      completes: 'wish',
      describe: 'a word of the spec (config.owner, /inputs/nixpkgs), or a path that wishes are about',
    },
    options: { ...EVALUATE, repo: REPO, ...RECORD },
    examples: [
      ['$0 why features', 'is it granted, and by which file?'],
      ['$0 why /etc/nix/nix.conf', 'all that is found there'],
    ],
  },
  doctor: {
    describe: 'look at all that reflake stands on, and say what to do; exit 1 where something is to be mended',
    examples: [['$0 doctor -q', 'only what is not as it should be']],
  },
  validate: { describe: 'check the spec alone' },
  hosts: {
    describe: 'list the hosts of the spec, and what the repository grants each',
    examples: [['$0 hosts --format json', 'a line for each, for a matrix']],
  },
  schema: {
    describe: 'print a JSON schema',
    positional: {
      name: 'name',
      choices: ['spec', 'plan', 'event'],
      default: 'spec',
      describe: 'of the spec, a saved plan, or the events of --format json',
    },
  },
  explain: {
    describe: 'the page of a diagnostic, such as RF2003',
    positional: {
      name: 'code',
      type: 'string',
      completes: 'code',
      describe: 'or words to look for; all by theme, where none is named',
    },
  },
  completion: {
    describe: 'print the script that completes command lines in a shell',
    positional: { name: 'shell', choices: ['bash', 'zsh', 'fish'], default: 'bash', describe: 'the shell' },
    examples: [
      ['source <($0 completion bash)', 'in ~/.bashrc; zsh is alike'],
      ['$0 completion fish | source', 'in ~/.config/fish/config.fish'],
    ],
  },
  man: {
    describe: 'print a manual page, as man(1) takes it',
    positional: { name: 'command', type: 'string', completes: 'command', describe: 'of this command; else of all' },
    examples: [['$0 man apply | man -l -', 'read the page of apply']],
  },
} as const satisfies Readonly<Record<string, Command>>;

export type CommandName = keyof typeof COMMANDS;

/** All that a command takes: its word, its own options and the global ones. */
export function optionsOf(name: CommandName): Options {
  const { positional, options } = COMMANDS[name] as Command;
  return { ...GLOBAL_OPTIONS, ...options, ...(positional && { [positional.name]: positional }) };
}

/** The name of an option as the commands read it: detailed-exitcode is detailedExitcode. */
export const memberOf = (name: string): string => name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
