// Random flake.nix files in the spellings people use, and random wishes, for the laws of editing.
// The files are ones an editor must not refuse; `concerned` says which lines a wish may touch.
import fc from 'fast-check';
import type { FlakeWish, HostWish, InputWish } from '../../../../core/formats/flake/wish.ts';

/** A flake.nix and a wish about it. */
export interface RandomFlake {
  readonly text: string;
  readonly wish: FlakeWish;
}

const names = ['nixpkgs', 'home-manager', 'nur', 'flake-utils', 'dots', 'or', 'a.b', '2nd'];
const urls = [
  'github:NixOS/nixpkgs/nixos-23.11',
  'github:NixOS/nixpkgs',
  'path:./x',
  'git+https://ex.org/r?ref=a"b${c}',
  '',
];
const name = fc.constantFrom(...names);
const url = fc.constantFrom(...urls);
const comment = fc.constantFrom('', '', ' # why', ' /* why */');

const quote = (text: string) => '"' + text.replace(/["\\]|\$(?=\{)/g, '\\$&') + '"';
const plain = (text: string) => /^[a-z][a-z-]*$/.test(text) && text !== 'or';
const attr = (text: string, quoted: boolean) => (quoted || !plain(text) ? quote(text) : text);

/** Draws one attribute of an input: path and value. */
const said = fc.record({
  reference: fc.oneof(
    url.map((value) => [['url', quote(value)]]),
    url.map((value) => [['url', `''${value.replaceAll('${', "''${")}''`]]),
    fc.constant([
      ['type', '"github"'],
      ['owner', '"a"'],
      ['repo', '"b"'],
    ]),
    fc.constant([['follows', '"nixpkgs"']]),
    fc.constant([] as string[][]),
  ),
  flake: fc.constantFrom([] as string[][], [['flake', 'false']], [['flake', '(true)']]),
  follows: fc.constantFrom(
    [] as string[][],
    [['inputs.nixpkgs.follows', '"nixpkgs"']],
    [
      ['inputs.nixpkgs', '{ follows = "dots"; }'],
      ['inputs.x.url', '"path:./y"'],
    ],
    [['inputs', '{ nixpkgs.url = "github:a/b"; x.follows = "nixpkgs"; }']],
  ),
  comment,
  quoted: fc.boolean(),
  layout: fc.constantFrom('dotted', 'line', 'block'),
});
type Said = typeof said extends fc.Arbitrary<infer T> ? T : never;

/** The lines of one input, relative to the set it is in. */
function inputLines(
  input: string,
  { reference, flake, follows, comment, quoted, layout }: Said,
  unit: string,
): string[] {
  const bindings = [...reference, ...flake, ...follows].map(([path, value]) => `${path} = ${value};`);
  const key = attr(input, quoted);
  if (bindings.length === 0) return [`${key} = { };${comment}`];
  if (layout === 'dotted') return bindings.map((binding) => `${key}.${binding}${comment}`);
  if (layout === 'line') return [`${key} = { ${bindings.join(' ')} };${comment}`];
  return [`${key} = {${comment}`, ...bindings.map((binding) => unit + binding + comment), '};'];
}

const host = fc.record({
  name: fc.constantFrom('other', 'nixos', 'web.1'),
  system: fc.constantFrom(undefined, 'x86_64-linux', 'aarch64-linux'),
  modules: fc.constantFrom(
    '[ ]',
    '[ ./configuration.nix ]',
    '[\n./a.nix # a\n{ x = 1; }\n]',
    'common ++ [ ./a.nix ]',
    undefined,
  ),
});
type Host = typeof host extends fc.Arbitrary<infer T> ? T : never;

function hostLines({ name, system, modules }: Host, prefix: string, unit: string): string[] {
  const args = [
    ...(system === undefined ? [] : [`system = "${system}";`]),
    ...(modules === undefined ? [] : `modules = ${modules};`.split('\n')),
  ];
  return [`${prefix}${attr(name, false)} = nixpkgs.lib.nixosSystem {`, ...args.map((line) => unit + line), '};'];
}

const wish = fc.record({
  inputs: fc.uniqueArray(
    fc.record({
      name,
      url,
      flake: fc.constantFrom(undefined, true, false),
      follows: fc.constantFrom(
        undefined,
        { nixpkgs: 'nixpkgs' },
        { x: 'nixpkgs', nixpkgs: '' },
        { 'x/y': 'nixpkgs/z' },
      ),
    }),
    { selector: (input) => input.name, maxLength: 4 },
  ),
  hosts: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('nixos', 'web.1', 'db', 'mail'),
      system: fc.constantFrom(undefined, 'x86_64-linux', 'riscv64-linux'),
      modules: fc.constantFrom(undefined, ['./configuration.nix'], ['./configuration.nix', './a b.nix']),
    }),
    { selector: (one) => one.name, maxLength: 4 },
  ),
  gone: fc.subarray(['nixos', 'web.1', 'mail']),
});

/** Draws a file and a wish. Every file declares nixpkgs, so that everything can follow it. */
export const randomFlake: fc.Arbitrary<RandomFlake> = fc
  .record({
    inputs: fc.uniqueArray(fc.tuple(name, said), { selector: ([input]) => input, maxLength: 5 }),
    container: fc.constantFrom('dotted', 'block', 'both'),
    description: fc.boolean(),
    formals: fc.constantFrom('closed', 'open', 'commas', 'lines', 'inputs', 'named'),
    body: fc.constantFrom('plain', 'let', 'with', 'update'),
    hosts: fc.uniqueArray(host, { selector: (one) => one.name, maxLength: 2 }),
    hostBlock: fc.boolean(),
    empty: fc.constantFrom([], ['']),
    unit: fc.constantFrom('  ', '    ', '\t'),
    eol: fc.constantFrom('\n', '\n', '\r\n'),
    end: fc.constantFrom('\n', '', '\n# end\n'),
    wish,
  })
  .map((drawn) => {
    const { unit, empty } = drawn;
    const inputs = drawn.inputs.some(([input]) => input === 'nixpkgs')
      ? drawn.inputs
      : ([['nixpkgs', { ...plainSaid }], ...drawn.inputs] as typeof drawn.inputs);
    const indent = (lines: readonly string[]) => lines.map((line) => (line === '' ? '' : unit + line));
    const written = inputs.map(([input, what]) => inputLines(input, what, unit));
    const inBlock = drawn.container === 'block' ? written : drawn.container === 'both' ? written.slice(1) : [];
    const atTop = written.filter((lines) => !inBlock.includes(lines));
    const common = drawn.hosts.some(({ modules }) => modules?.startsWith('common'));
    const hosts = drawn.hosts.flatMap((one) => hostLines(one, drawn.hostBlock ? '' : 'nixosConfigurations.', unit));
    const outputs = [
      'packages = { }; # none',
      ...(drawn.hostBlock ? ['nixosConfigurations = {', ...indent(hosts), '};'] : hosts),
    ];
    const lines = [
      '# a flake',
      '{',
      ...indent([
        ...(drawn.description ? ['description = "x";', ...empty] : []),
        ...atTop.flatMap((one) => prefixed(one)),
        ...(inBlock.length > 0
          ? ['inputs = {', ...indent(inBlock.flatMap((one) => [...one, ...empty])), '};', ...empty]
          : []),
        `outputs = ${formalsText(
          drawn.formals,
          inputs.map(([input]) => input),
        )}`,
        ...(common || drawn.body === 'let' ? ['let common = [ ./common.nix ]; in'] : []),
        ...(drawn.body === 'with' ? ['with builtins;'] : []),
        ...(drawn.body === 'update' ? ['{ formatter = { }; } //'] : []),
        '{',
        ...indent(outputs),
        '};',
      ]),
      '}',
    ];
    // Inputs that are no identifiers can't be named; where outputs is `inputs:`, nixpkgs is a variable.
    return { text: lines.join(drawn.eol) + drawn.end.replaceAll('\n', drawn.eol), wish: tidy(drawn.wish) };
  });

const plainSaid = {
  reference: [['url', '"github:NixOS/nixpkgs"']],
  flake: [],
  follows: [],
  comment: '',
  quoted: false,
  layout: 'dotted',
};

/** `a = …` at the top level is `inputs.a = …`. */
function prefixed(lines: readonly string[]): string[] {
  const block = lines.length > 1 && lines.at(-1) === '};';
  return lines.map((line, i) => (block && i > 0 ? line : `inputs.${line}`));
}

function formalsText(style: string, inputs: readonly string[]): string {
  const known = ['self', ...inputs.filter(plain)];
  const open = known.length <= inputs.length;
  const all = open ? [...known, '...'] : known;
  switch (style) {
    case 'closed':
      return `{ ${all.join(', ')} }:`;
    case 'commas':
      return `{ ${all.join('\n, ')}\n}:`;
    case 'lines':
      return open ? `{\n${known.join(',\n')},\n...\n}@inputs:` : `{\n${known.join(',\n')},\n}@inputs:`;
    case 'named':
      return 'inputs@{ nixpkgs, ... }:';
    case 'inputs':
      return 'inputs: let inherit (inputs) nixpkgs; in';
    default:
      return '{ self, nixpkgs, ... }:';
  }
}

/** Without the `undefined` values that a spec would not have. */
function tidy(drawn: {
  inputs: readonly object[];
  hosts: readonly { readonly name: string }[];
  gone: readonly string[];
}): FlakeWish {
  const defined = (from: object) => Object.fromEntries(Object.entries(from).filter(([, value]) => value !== undefined));
  return {
    inputs: drawn.inputs.map((input) => defined(input) as unknown as InputWish),
    hosts: drawn.hosts.map((host) => defined(host) as unknown as HostWish),
    gone: drawn.gone.filter((name) => drawn.hosts.every((host) => host.name !== name)),
  };
}

/** Blanks and comments that may stand in place of whitespace. */
export const randomBlanks: fc.Arbitrary<readonly { readonly at: number; readonly text: string }[]> = fc.array(
  fc.record({ at: fc.nat(1000), text: fc.constantFrom(' /* c */ ', ' # c\n', '\n', '  ', '\t') }),
  { maxLength: 30 },
);

/** `text` with blanks put where whitespace is, outside of strings and comments. */
export function scatter(text: string, blanks: readonly { readonly at: number; readonly text: string }[]): string {
  const places: number[] = [];
  for (const match of text.matchAll(/"(?:\\.|[^"\\])*"|''[\s\S]*?''|#[^\n]*|\/\*[\s\S]*?\*\/|\s/g)) {
    if (/^\s$/.test(match[0])) places.push(match.index);
  }
  const sorted = blanks
    .map(({ at, text: blank }) => ({ at: places[at % places.length]!, blank }))
    .sort((a, b) => b.at - a.at);
  return sorted.reduce((out, { at, blank }) => out.slice(0, at) + blank + out.slice(at), text);
}
