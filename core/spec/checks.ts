// Checks that a schema can't express: systems that Nix knows, references that parse, follows that lead somewhere.

import type { ConfigWish, WrittenSpec } from '../../schemas/spec.gen.ts';
import type { JsonPointer } from '../diagnostic.ts';
import { isDay } from '../formats/end-of-support.ts';
import { parseFlakeRef } from '../formats/flake-ref/parse-ref.ts';
import { type RefTrap, refTraps } from '../formats/flake-ref/traps.ts';
import { fromPointer, pointerWords, toPointer } from '../formats/json-pointer.ts';
import { FEATURES } from '../formats/nix-conf/feature-names.ts';
import { isId, LARGEST_ID, MOST } from '../limits.ts';
import { absolute, depth, isPossible } from '../path.ts';
import {
  type FollowingInput,
  followingInputsOf,
  type InputWishes,
  inputsOf,
  type Override,
  type Placed,
} from './inputs.ts';
import { meantRef } from './meant-ref.ts';
import { missingKey, quote, type SpecProblem } from './schema-errors.ts';
import { closest } from './suggest.ts';

/** Every problem of a spec that its schema accepts. */
export function checkSpec(spec: WrittenSpec): readonly SpecProblem[] {
  const inputs = inputsOf(spec);
  const following = followingInputsOf(spec);
  const names = new Set([...inputs, ...following].map(({ name }) => name));
  return [
    ...checkMachine(spec, ''),
    ...Object.entries(spec.hosts ?? {}).flatMap(([key, one]) => checkMachine(one ?? {}, toPointer(['hosts', key]))),
    ...inputs.flatMap((input) => [
      ...checkUrl(input.url, input.flake, input.urlPointer),
      ...input.overrides.flatMap(({ url, flake, follows, path }) => [
        ...(url ? checkUrl(url.value, flake?.value ?? true, url.pointer) : []),
        ...(follows ? checkFollows([input.name, ...path], follows, names) : []),
      ]),
      ...saidTwice(input),
    ]),
    ...checkFollowing(following, inputs, names),
    ...checkHosts(spec),
    ...checkTimes(spec),
  ];
}

/** Days and moments that there are, and windows that end after they begin. */
function checkTimes({ ack = [], expect = [] }: WrittenSpec): readonly SpecProblem[] {
  const wrong = (pointer: JsonPointer, summary: string, hint: string): SpecProblem => ({
    severity: 'error',
    code: 'RF1005',
    summary,
    hint,
    pointer,
    part: 'value',
  });
  const noDay = (text: string, pointer: JsonPointer): readonly SpecProblem[] =>
    isDay(text.slice(0, 10)) && (text.length === 10 || !Number.isNaN(Date.parse(text)))
      ? []
      : [
          wrong(
            pointer,
            `there is no such ${text.length === 10 ? 'day' : 'moment'}: ${quote(text)}`,
            'look at the calendar',
          ),
        ];
  return [
    ...ack.flatMap(({ until }, at) => (until === undefined ? [] : noDay(until, `/ack/${at}/until`))),
    ...expect.flatMap(({ from, to }, at) => {
      const times = [...noDay(from, `/expect/${at}/from`), ...noDay(to, `/expect/${at}/to`)];
      return times.length > 0 || Date.parse(from) < Date.parse(to)
        ? times
        : [wrong(`/expect/${at}/to`, 'it ends before it begins', `write a moment after ${from}`)];
    }),
  ];
}

/** Problems of the whole that the schema leaves to us: told together with its own. `value`: any. */
export function checkShape(value: unknown): readonly SpecProblem[] {
  if (!isObject(value)) return [];
  const { host, hosts } = value;
  const which =
    host !== undefined && hosts !== undefined
      ? bothPlaces(
          { value: host, pointer: '/host' },
          { value: hosts, pointer: '/hosts' },
          'a spec is about one machine, or about several',
        )
      : host === undefined && hosts === undefined
        ? [missingKey('host', '')]
        : [];
  const machines = isObject(hosts) ? Object.keys(hosts).map((key) => toPointer(['hosts', key])) : [''];
  return [...which, ...machines.flatMap((at) => fromWithoutPath(value, at))];
}

/** The default of `from` with a path of the host is as good as both together. `at`: of the host. */
function fromWithoutPath(value: unknown, at: JsonPointer): readonly SpecProblem[] {
  const said = (key: string): JsonPointer | undefined =>
    [at, ''].find((place) => memberAt(value, `${place}/config/${key}`) !== undefined);
  const from = said('from');
  if (from === undefined || said('path') !== undefined) return [];
  const config = `${from}/config`;
  return [missingKey(`${pointerWords(config)}.path`, config, `, which ${pointerWords(config)}.from needs`)];
}

const memberAt = (value: unknown, pointer: JsonPointer): unknown =>
  fromPointer(pointer).reduce(
    (at: unknown, key) => (isObject(at) && Object.hasOwn(at, key) ? at[key] : undefined),
    value,
  );

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Names and attributes of several hosts: each has its own in flake.nix, and none is both there and gone. */
function checkHosts(spec: WrittenSpec): readonly SpecProblem[] {
  const hosts = Object.entries(spec.hosts ?? {});
  const attributes = new Map<string, JsonPointer>();
  const problems = hosts.flatMap(([key, machine]): readonly SpecProblem[] => {
    const at = toPointer(['hosts', key]);
    const { name = key, attribute = name } = machine?.host ?? {};
    const said = (['attribute', 'name'] as const).find((one) => machine?.host[one] !== undefined);
    const pointer = said === undefined ? at : `${at}/host/${said}`;
    const other = attributes.get(attribute);
    attributes.set(attribute, pointer);
    return [
      ...(key === 'all' ? [theWordForAll(at)] : []),
      ...(machine !== null && machine.host.name === undefined && !HOST_NAME.test(key) ? [notAName(key, at)] : []),
      ...(other === undefined
        ? []
        : bothPlaces(
            { value: '', pointer: other },
            { value: '', pointer },
            `flake.nix has one host ${quote(attribute)}`,
          )),
    ];
  });
  if (hosts.length === 0 || hosts.some(([, machine]) => machine !== null)) return problems;
  const summary = 'hosts has no machine that is there';
  const hint = 'write at least one with its host.system';
  return [...problems, { severity: 'error', code: 'RF1005', summary, hint, pointer: '/hosts', part: 'key' }];
}

/** As the schema has it for `host.name`. */
const HOST_NAME = /^[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/;

const theWordForAll = (pointer: JsonPointer): SpecProblem => ({
  severity: 'error',
  code: 'RF1005',
  summary: '"all" cannot be the name of a host: --host all means every one',
  hint: 'choose another name; host.name and host.attribute may be all',
  pointer,
  part: 'key',
});

const notAName = (key: string, pointer: JsonPointer): SpecProblem => ({
  severity: 'error',
  code: 'RF1005',
  summary: `${quote(key)} cannot be the name of a machine`,
  hint: `write ${pointerWords(pointer)}.host.name, and there the name without its domain`,
  pointer,
  part: 'key',
});

/** What stands at the top, or of one of several hosts: each value is judged where it is written. */
interface Machine {
  readonly host?: { readonly system: string };
  readonly config?: ConfigWish;
  readonly features?: readonly string[];
}

function checkMachine({ host, config, features = [] }: Machine, at: JsonPointer): readonly SpecProblem[] {
  return [
    ...(host ? checkSystem(host.system, `${at}/host/system`) : []),
    ...checkOwner(config?.owner ?? '', `${at}/config/owner`),
    ...(['path', 'from'] as const).flatMap((key) => checkPlace(config?.[key] ?? '/', `${at}/config/${key}`)),
    ...features.flatMap((name, index) => checkFeature(name, `${at}/features/${index}`)),
  ];
}

/** The Linux systems of nixpkgs' lib.systems.doubles, the common ones first: messages show those. */
const SYSTEMS = [
  'x86_64-linux',
  'aarch64-linux',
  'i686-linux',
  'armv7l-linux',
  'armv6l-linux',
  'riscv64-linux',
  'powerpc64le-linux',
  'loongarch64-linux',
  'armv5tel-linux',
  'armv7a-linux',
  'm68k-linux',
  'microblaze-linux',
  'microblazeel-linux',
  'mips-linux',
  'mips64-linux',
  'mips64el-linux',
  'mipsel-linux',
  'powerpc-linux',
  'powerpc64-linux',
  'riscv32-linux',
  's390-linux',
  's390x-linux',
];

/** Names that other tools have for the same processors. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  amd64: 'x86_64',
  x64: 'x86_64',
  arm64: 'aarch64',
  i386: 'i686',
  x86: 'i686',
};

function checkSystem(system: string, pointer: JsonPointer): readonly SpecProblem[] {
  if (SYSTEMS.includes(system)) return [];
  const near = likeliestSystem(system.toLowerCase());
  return [
    {
      severity: 'error',
      code: 'RF1006',
      summary: `unknown system ${quote(system)}`,
      expected: `expected ${SYSTEMS.slice(0, 2).join(', ')}, …`,
      pointer,
      part: 'value',
      ...(near === undefined
        ? { hint: 'print that of the machine: nix eval --impure --expr builtins.currentSystem' }
        : { hint: `did you mean ${quote(near)}?` }),
    },
  ];
}

function likeliestSystem(system: string): string | undefined {
  const words = system.split(/[^a-z0-9_]+/).map((word) => OTHER_WORDS[word] ?? word);
  const guesses = [system, words.join('-'), words.toReversed().join('-'), `${words.join('-')}-linux`];
  return guesses.map((guess) => closest(guess, SYSTEMS)).find((near) => near !== undefined);
}

/** Refuses a path that no directory can have, and one so deep that to make its parents would take minutes. */
function checkPlace(place: string, pointer: JsonPointer): readonly SpecProblem[] {
  const path = absolute(`/${place}`);
  const isTooDeep = depth(path) > MOST.pathNames;
  if (!isTooDeep && isPossible(path)) return [];
  const expected = isTooDeep
    ? `expected at most ${MOST.pathNames} names`
    : `expected names of at most ${MOST.nameBytes} bytes`;
  const summary = `${quote(place)} is ${isTooDeep ? 'too deep' : 'a path that no directory can have'}`;
  return [{ severity: 'error', code: 'RF1005', summary, expected, pointer, part: 'value' }];
}

/** Refuses ids that are too large, which the schema's pattern can't tell. */
function checkOwner(owner: string, pointer: JsonPointer): readonly SpecProblem[] {
  return owner
    .split(':')
    .filter((part) => /^\d+$/.test(part) && !isId(part))
    .map((id) => ({
      severity: 'error',
      code: 'RF1005',
      summary: `${quote(id)} is not the id of a user or group`,
      expected: `expected a number from 0 to ${LARGEST_ID}`,
      pointer,
      part: 'value',
    }));
}

/** A name close to a known one is a slip; any other may be a feature of a newer Nix. */
function checkFeature(name: string, pointer: JsonPointer): readonly SpecProblem[] {
  if (FEATURES.includes(name)) return [];
  const near = closest(name, FEATURES);
  return [
    {
      severity: near === undefined ? 'warning' : 'error',
      code: 'RF1015',
      summary: `unknown experimental feature ${quote(name)}`,
      hint: near === undefined ? 'a Nix that does not know it drops it with a warning' : `did you mean ${quote(near)}?`,
      pointer,
      part: 'value',
    },
  ];
}

function checkUrl(url: string, flake: boolean, pointer: string): readonly SpecProblem[] {
  const there = { pointer, part: 'value' } as const;
  const parsed = parseFlakeRef(url, { context: flake ? 'input' : 'input-nonflake' });
  if (!parsed.ok) {
    const words = parsed.error.split('\n')[0]!;
    const meant = meantRef(url);
    const summary = `${quote(url)} is not a flake reference: ${words}`;
    const hint = meant === undefined ? {} : { hint: `did you mean ${quote(meant)}?` };
    return [{ ...there, severity: 'error', code: 'RF1007', summary, ...hint }];
  }
  return refTraps(url).map(
    (trap): SpecProblem => ({
      ...there,
      severity: severityOf(trap),
      code: 'RF1008',
      summary: trap.message,
      hint: trap.hint,
    }),
  );
}

/** A reference that can't be meant so is an error; one that works, but not as it looks, is a warning. */
const severityOf = ({ kind }: RefTrap): SpecProblem['severity'] =>
  ['mistyped-url', 'tilde', 'web-page', 'no-host'].includes(kind) ? 'error' : 'warning';

/** Up to this many names are searched for one like a wrong one, and shown. */
const SUGGESTED_FROM = 500;
const MOST_NAMES = 20;

/** A target's first part must be an input of this spec; only the lock knows the parts below it. `path`: of the follower. */
function checkFollows(
  path: readonly string[],
  { value: target, pointer }: Placed<string>,
  names: ReadonlySet<string>,
): readonly SpecProblem[] {
  const first = target.split('/')[0]!;
  if (target === '' || (names.has(first) && target !== path.join('/'))) return [];
  const wrong = { severity: 'error', code: 'RF1009', pointer, part: 'value' } as const;
  if (names.has(first)) return [{ ...wrong, summary: `${quote(target)} would follow itself` }];
  // Comparing thousands of names with thousands would take minutes.
  const near = names.size > SUGGESTED_FROM ? undefined : closest(first, [...names]);
  const some = [...names].slice(0, MOST_NAMES);
  return [
    {
      ...wrong,
      summary: `follows names no input: ${quote(target)}`,
      expected: `expected ${some.join(', ')}${names.size > MOST_NAMES ? ', …' : ''}`,
      hint: near === undefined ? `add ${first} to inputs` : `did you mean ${quote(near)}?`,
    },
  ];
}

/** `follows.b` and `inputs.b` are two spellings of one wish; a url and a follows are two sources of one input. */
function saidTwice({ overrides }: InputWishes): readonly SpecProblem[] {
  const known = new Map<string, Placed<unknown>>();
  return overrides.flatMap(({ path, url, follows, flake }: Override): readonly SpecProblem[] => {
    const said = [url, follows].filter((one) => one !== undefined);
    const problems = said.length === 2 ? bothPlaces(said[0]!, said[1]!, 'an input has one source') : [];
    const [one = flake] = said;
    const before = known.get(path.join('/'));
    if (one !== undefined && before === undefined) known.set(path.join('/'), one);
    return one && before ? [...problems, ...bothPlaces(before, one, 'they are one wish')] : problems;
  });
}

/** An error at each of the two, which names the other. */
const bothPlaces = (a: Placed<unknown>, b: Placed<unknown>, why: string): readonly SpecProblem[] =>
  [
    [a, b],
    [b, a],
  ].map(([one, other]) => ({
    severity: 'error',
    code: 'RF1013',
    summary: `${pointerWords(one!.pointer)} and ${pointerWords(other!.pointer)} are both written: ${why}`,
    hint: 'remove one of them',
    pointer: one!.pointer,
    part: 'key',
  }));

/** Inputs of the top level that are only a follows: of no name that has a url, and not in a circle. */
function checkFollowing(
  following: readonly FollowingInput[],
  inputs: readonly InputWishes[],
  names: ReadonlySet<string>,
): readonly SpecProblem[] {
  const targets = new Map(following.map(({ name, target }) => [name, target]));
  const declared = new Map(inputs.map((input) => [input.name, input]));
  const isCircle = (name: string): boolean => {
    const seen = new Set<string>();
    for (let at: string | undefined = name; at !== undefined; at = targets.get(at)?.split('/')[0]) {
      if (seen.has(at)) return at === name;
      seen.add(at);
    }
    return false;
  };
  return following.flatMap(({ name, target, pointer }): readonly SpecProblem[] => {
    const twice = declared.get(name);
    if (twice !== undefined)
      return bothPlaces({ value: '', pointer: twice.pointer }, { value: '', pointer }, 'an input has one source');
    if (!isCircle(name)) return checkFollows([name], { value: target, pointer }, names);
    return [
      { severity: 'error', code: 'RF1009', pointer, part: 'value', summary: `${quote(target)} would follow itself` },
    ];
  });
}
