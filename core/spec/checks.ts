// Checks that a schema can't express: systems that Nix knows, references that parse, follows that lead somewhere.

import type { Spec } from '../../schemas/spec.gen.ts';
import { parseFlakeRef } from '../formats/flake-ref/parse-ref.ts';
import { type RefTrap, refTraps } from '../formats/flake-ref/traps.ts';
import { toPointer } from '../formats/json-pointer.ts';
import { FEATURES } from '../formats/nix-conf/feature-names.ts';
import { isId, LARGEST_ID, MOST } from '../limits.ts';
import { absolute, depth, isPossible } from '../path.ts';
import { type InputWishes, inputsOf } from './inputs.ts';
import { quote, type SpecProblem } from './schema-errors.ts';
import { closest } from './suggest.ts';

/** Every problem of a spec that its schema accepts. */
export function checkSpec(spec: Spec): readonly SpecProblem[] {
  const inputs = inputsOf(spec);
  const names = new Set(inputs.map(({ name }) => name));
  return [
    ...checkSystem(spec.host.system),
    ...checkOwner(spec.config?.owner ?? ''),
    ...(['path', 'from'] as const).flatMap((key) => checkPlace(key, spec.config?.[key] ?? '/')),
    ...inputs.flatMap((input) => [...checkUrl(input), ...checkFollows(input, names)]),
    ...(spec.features ?? []).flatMap(checkFeature),
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

function checkSystem(system: string): readonly SpecProblem[] {
  if (SYSTEMS.includes(system)) return [];
  const near = likeliestSystem(system.toLowerCase());
  return [
    {
      severity: 'error',
      code: 'RF1006',
      summary: `unknown system ${quote(system)}`,
      expected: `expected ${SYSTEMS.slice(0, 2).join(', ')}, …`,
      pointer: '/host/system',
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
function checkPlace(key: 'path' | 'from', place: string): readonly SpecProblem[] {
  const path = absolute(`/${place}`);
  const isTooDeep = depth(path) > MOST.pathNames;
  if (!isTooDeep && isPossible(path)) return [];
  const expected = isTooDeep
    ? `expected at most ${MOST.pathNames} names`
    : `expected names of at most ${MOST.nameBytes} bytes`;
  const summary = `${quote(place)} is ${isTooDeep ? 'too deep' : 'a path that no directory can have'}`;
  return [{ severity: 'error', code: 'RF1005', summary, expected, pointer: `/config/${key}`, part: 'value' }];
}

/** Refuses ids that are too large, which the schema's pattern can't tell. */
function checkOwner(owner: string): readonly SpecProblem[] {
  return owner
    .split(':')
    .filter((part) => /^\d+$/.test(part) && !isId(part))
    .map((id) => ({
      severity: 'error',
      code: 'RF1005',
      summary: `${quote(id)} is not the id of a user or group`,
      expected: `expected a number from 0 to ${LARGEST_ID}`,
      pointer: '/config/owner',
      part: 'value',
    }));
}

/** A name close to a known one is a slip; any other may be a feature of a newer Nix. */
function checkFeature(name: string, index: number): readonly SpecProblem[] {
  if (FEATURES.includes(name)) return [];
  const near = closest(name, FEATURES);
  return [
    {
      severity: near === undefined ? 'warning' : 'error',
      code: 'RF1015',
      summary: `unknown experimental feature ${quote(name)}`,
      hint: near === undefined ? 'a Nix that does not know it drops it with a warning' : `did you mean ${quote(near)}?`,
      pointer: `/features/${index}`,
      part: 'value',
    },
  ];
}

function checkUrl({ url, flake, urlPointer }: InputWishes): readonly SpecProblem[] {
  const there = { pointer: urlPointer, part: 'value' } as const;
  const parsed = parseFlakeRef(url, { context: flake ? 'input' : 'input-nonflake' });
  if (!parsed.ok) {
    const words = parsed.error.split('\n')[0]!;
    return [
      { ...there, severity: 'error', code: 'RF1007', summary: `${quote(url)} is not a flake reference: ${words}` },
    ];
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
  kind === 'mistyped-url' || kind === 'tilde' ? 'error' : 'warning';

/** Up to this many names are searched for one like a wrong one, and shown. */
const SUGGESTED_FROM = 500;
const MOST_NAMES = 20;

/** A target's first part must be an input of this spec; only the lock knows the parts below it. */
function checkFollows(input: InputWishes, names: ReadonlySet<string>): readonly SpecProblem[] {
  return Object.entries(input.follows).flatMap(([name, target]): SpecProblem[] => {
    const first = target.split('/')[0]!;
    if (target === '' || (names.has(first) && target !== `${input.name}/${name}`)) return [];
    const pointer = `${input.pointer}${toPointer(['follows', name])}`;
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
  });
}
