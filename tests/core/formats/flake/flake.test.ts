// flake.nix: read, edited and printed as the cases say, and as real Nix evaluates it.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse as parseYaml } from 'yaml';
import { editFlake } from '../../../../core/formats/flake/edit.ts';
import { readFlake } from '../../../../core/formats/flake/flake.ts';
import { newFlake } from '../../../../core/formats/flake/new.ts';
import { flakeCases, inputsAsValue, projectChanges, projectRead, type WishText, wishOf } from './cases.ts';
import { evaluate, newScratch, notGranted, observe, writeFlakes } from './oracle.ts';

const reads = flakeCases('read').map(({ name, sections }) => ({
  name,
  text: sections['flake.nix']!,
  expected: parseYaml(sections.reads!) as { error?: string },
}));
const edits = flakeCases('edit').map(({ name, sections }) => ({
  name,
  wish: wishOf(parseYaml(sections.wish!) as WishText),
  before: sections.before!,
  after: sections.after ?? sections.before!,
  changes: parseYaml(sections.changes ?? '[]') as string[],
  problems: sections.problems === undefined ? undefined : (parseYaml(sections.problems) as unknown[]),
}));
const granted = edits.filter((one) => !one.problems);
const crlf = (text: string) => text.replaceAll('\n', '\r\n');

let scratch: string;
beforeAll(() => {
  scratch = newScratch();
});
afterAll(() => {
  // The directories of a Nix store are read-only.
  spawnSync('chmod', ['-R', 'u+w', scratch]);
  rmSync(scratch, { recursive: true });
});

function inputsByNix(folder: string, texts: readonly string[]): unknown[] {
  const dirs = writeFlakes(scratch, folder, texts);
  return evaluate(
    scratch,
    `[ ${dirs.map((dir) => `((import ${dir}/flake.nix).inputs or { })`).join('\n')} ]`,
  ) as unknown[];
}

describe('reading', () => {
  test('there are enough cases', () => expect(reads.length).toBeGreaterThanOrEqual(60));

  test.each(reads)('$name', ({ text, expected }) => {
    expect(projectRead(readFlake(text), text)).toEqual(expected);
  });

  test.each(reads)('with CRLF: $name', ({ text }) => {
    const plain = readFlake(text);
    const other = readFlake(crlf(text));
    expect(other.ok).toBe(plain.ok);
    if (plain.ok && other.ok) expect(inputsAsValue(other.inputs)).toEqual(inputsAsValue(plain.inputs));
  });

  test('real Nix has the same inputs', () => {
    const readable = reads.flatMap(({ name, text }) => {
      const read = readFlake(text);
      const value = read.ok ? inputsAsValue(read.inputs) : undefined;
      return value && read.ok ? [{ name, text, value: { ...value, ...(read.self ? { self: read.self } : {}) } }] : [];
    });
    expect(readable.length).toBeGreaterThan(40);
    const byNix = inputsByNix(
      'inputs',
      readable.map(({ text }) => text),
    );
    expect(Object.fromEntries(readable.map(({ name, value }) => [name, value]))).toEqual(
      Object.fromEntries(readable.map(({ name }, i) => [name, byNix[i]])),
    );
  });

  test('real Nix accepts and refuses the same files', () => {
    // Forms that Nix 2.8 does not know yet, or that 2.27 refuses.
    const newer = [
      'path literal as url',
      'inputs.self',
      'submodules that are no Boolean, which only a git repository refuses',
      'error: self with a url',
    ];
    const refusal =
      /syntax error|must be an attribute set|expected an? .* but got|unexpected flake input attribute|unsupported attribute|lacks attribute|already defined|flake configuration setting|while a string, Boolean|undefined variable/;
    const compared = reads.filter(({ name }) => !newer.includes(name));
    // No host is asked: what would be fetched is a path that is not there.
    const dirs = writeFlakes(
      scratch,
      'verdicts',
      compared.map(({ text }) => text.replaceAll('github:', 'path:/nonexistent/')),
    );
    const verdicts = dirs.map((dir) => {
      const features = ['--extra-experimental-features', 'nix-command flakes', '--option', 'flake-registry', ''];
      const store = ['--store', join(scratch, 'store')];
      const args = [...features, ...store, 'flake', 'metadata', '--offline', '--no-update-lock-file', `path:${dir}`];
      const { stderr } = spawnSync('nix', args, { encoding: 'utf8', env: { ...process.env, HOME: scratch } });
      return refusal.test(stderr);
    });
    const ours = compared.map(({ name, text }) => [name, !readFlake(text).ok]);
    expect(ours).toEqual(compared.map(({ name }, i) => [name, verdicts[i]]));
  });
});

describe('variables that double what they mean', () => {
  const doubled = (operator: string, first: string) =>
    [`v0 = ${first};`, ...Array.from({ length: 60 }, (_, i) => `v${i + 1} = v${i} ${operator} v${i};`)].join(' ');

  test('end in what is not known', () => {
    const host = `nixpkgs.lib.nixosSystem { modules = v60; }`;
    const read = readFlake(
      `{ outputs = { nixpkgs, ... }: let ${doubled('++', '[ ./a.nix { imports = v60; } ]')} in { nixosConfigurations.a = ${host}; }; }`,
    );
    const hosts = read.ok && read.outputs.hosts.kind === 'static' ? read.outputs.hosts.hosts : [];
    expect(hosts).toMatchObject([{ kind: 'static' }]);
    expect(hosts[0]!.kind === 'static' && hosts[0]!.modules.some(({ kind }) => kind === 'unknown')).toBe(true);
  });

  test('are no hosts', () => {
    const read = readFlake(`{ outputs = { ... }: let ${doubled('//', '{ }')} in v60; }`);
    expect(read).toMatchObject({ ok: true, outputs: { hosts: { kind: 'opaque' } } });
  });
});

describe('the flakes of the lock vectors', () => {
  const file = new URL('../../../vectors/locks.json', import.meta.url);
  const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as {
    vectors: { name: string; verdict: string; files: Record<string, string> }[];
  };
  const texts = vectors.map(({ name, verdict, files }) => ({ name, verdict, text: files['flake/flake.nix']! }));
  // `lock-…` errors are about flake.lock.
  const refused = texts.filter(({ name, verdict }) => verdict === 'error' && !name.startsWith('lock-'));
  const accepted = texts.filter((one) => !refused.includes(one));

  test('are refused where Nix refuses them', () => {
    expect(refused.length).toBeGreaterThan(15);
    expect(refused.filter(({ text }) => readFlake(text).ok)).toEqual([]);
    expect(accepted.filter(({ text }) => !readFlake(text).ok)).toEqual([]);
  });

  test('have the inputs that Nix sees', () => {
    const readable = accepted.flatMap(({ name, text }) => {
      const read = readFlake(text);
      const value = read.ok ? inputsAsValue(read.inputs) : undefined;
      return value && read.ok ? [{ name, text, value: { ...value, ...(read.self ? { self: read.self } : {}) } }] : [];
    });
    expect(readable.length).toBeGreaterThan(100);
    const byNix = inputsByNix(
      'vectors',
      readable.map(({ text }) => text),
    );
    expect(readable.map(({ name, value }) => [name, value])).toEqual(readable.map(({ name }, i) => [name, byNix[i]]));
  });
});

describe('editing', () => {
  test('there are enough cases', () => expect(edits.length).toBeGreaterThanOrEqual(60));

  test.each(edits)('$name', ({ wish, before, after, changes, problems }) => {
    const result = editFlake(before, wish);
    const told = result.ok ? result.open : result.problems;
    const shown = told.map(({ at, snippet, in: _, host: _of, ...problem }) => ({
      ...problem,
      at: before.slice(at.start, at.end),
      ...(snippet === '' ? {} : { snippet }),
    }));
    expect(shown).toEqual(problems ?? []);
    if (!result.ok) return;
    // What the text does not tell hinders no other edit.
    expect(result.text).toBe(after ?? before);
    expect(projectChanges(result.changes)).toEqual(changes ?? []);
    expect(readFlake(result.text)).toEqual(result.flake);
    for (const change of result.changes) expect(change.pointer).toMatch(/^\/(inputs|host|hosts|config)\//);
  });

  test.each(granted)('again changes nothing: $name', ({ wish, after }) => {
    expect(editFlake(after, wish)).toMatchObject({ ok: true, text: after, changes: [] });
  });

  test.each(granted)('with CRLF: $name', ({ wish, before, after }) => {
    expect(editFlake(crlf(before), wish)).toMatchObject({ ok: true, text: crlf(after) });
  });

  test.each(granted)('without a final newline: $name', ({ wish, before, after }) => {
    expect(editFlake(before.trimEnd(), wish)).toMatchObject({ ok: true, text: after.trimEnd() });
  });

  test('real Nix finds the wish in the edited flakes', () => {
    const dirs = writeFlakes(
      scratch,
      'edited',
      granted.map(({ after }) => after),
    );
    const seen = observe(scratch, dirs);
    const missing = granted.map(({ name, wish }, i) => [name, notGranted(wish, seen[i]!, dirs[i]!)]);
    expect(missing).toEqual(granted.map(({ name }) => [name, []]));
  });
});

describe('references that mean the same', () => {
  const flake = (input: string) => `{\n  inputs.nixpkgs${input}\n  outputs = { self, ... }: { };\n}\n`;
  const wish = { inputs: [{ name: 'nixpkgs', url: 'github:NixOS/nixpkgs/nixos-24.05' }] };
  const sameRef = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();
  const attrsOf = (url: string) => {
    const [type, owner, repo, ref] = url.split(/[:/]/);
    return { type: type!, owner: owner!, repo: repo!, ...(ref === undefined ? {} : { ref }) };
  };

  test('as the caller says', () => {
    const text = flake('.url = "github:nixos/nixpkgs/nixos-24.05";');
    expect(editFlake(text, wish, { sameRef })).toMatchObject({ ok: true, changes: [] });
    expect(editFlake(text, wish)).toMatchObject({ ok: true, text: text.replace('nixos/', 'NixOS/') });
  });

  test('an attribute set with the same attributes is in sync', () => {
    const text = flake(' = { type = "github"; owner = "NixOS"; ref = "nixos-24.05"; repo = "nixpkgs"; };');
    expect(editFlake(text, wish, { attrsOf })).toMatchObject({ ok: true, changes: [] });
  });

  test('an attribute set is edited in place while the same attributes say it', () => {
    const text = flake(' = { type = "github"; owner = "NixOS"; ref = "nixos-23.11"; repo = ("nixpkgs"); };');
    const after = text.replace('23.11', '24.05');
    expect(editFlake(text, wish, { attrsOf })).toMatchObject({ ok: true, text: after, changes: [{ line: 2 }] });
  });

  test('an attribute set becomes a url where they do not', () => {
    const text = flake(' = { type = "github"; owner = "NixOS"; repo = "nixpkgs"; };');
    const after = flake(' = { url = "github:NixOS/nixpkgs/nixos-24.05"; };');
    expect(editFlake(text, wish, { attrsOf })).toMatchObject({ ok: true, text: after });
  });
});

describe('a new flake', () => {
  const full = wishOf({
    inputs: {
      nixpkgs: 'github:NixOS/nixpkgs/nixos-23.11',
      'home-manager': { url: 'github:nix-community/home-manager/release-23.11', follows: { nixpkgs: 'nixpkgs' } },
      wallpapers: { url: 'path:./wallpapers', flake: false },
    },
    host: { name: 'nixos', system: 'x86_64-linux', modules: ['./configuration.nix'] },
  });

  test('reads well', () => {
    expect(newFlake(full)).toBe(`{
  description = "NixOS configuration of nixos";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-23.11";
    home-manager = {
      url = "github:nix-community/home-manager/release-23.11";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    wallpapers = {
      url = "path:./wallpapers";
      flake = false;
    };
  };

  outputs =
    { self, nixpkgs, ... }@inputs:
    {
      nixosConfigurations.nixos = nixpkgs.lib.nixosSystem {
        system = "x86_64-linux";
        specialArgs = { inherit inputs; };
        modules = [ ./configuration.nix ];
      };
    };
}
`);
  });

  const wishes = [
    { name: 'all of it', wish: full },
    { name: 'no host', wish: { inputs: full.inputs } },
    { name: 'no inputs', wish: { inputs: [], hosts: full.hosts! } },
    {
      name: 'names that need quotes',
      wish: wishOf({
        inputs: { 'nixpkgs-24.05': 'github:NixOS/nixpkgs/nixos-24.05', '2': { url: 'path:./"${2}"', flake: false } },
        host: { name: 'web.1', system: 'aarch64-linux', modules: ['./my ${module}.nix', 'hosts/web'] },
      }),
    },
    {
      name: 'several hosts',
      wish: wishOf({
        inputs: { nixpkgs: 'github:NixOS/nixpkgs' },
        hosts: [
          { name: 'web', system: 'x86_64-linux', modules: ['./web.nix'] },
          { name: 'db.example.org', system: 'aarch64-linux', modules: ['./db.nix', './common.nix'] },
        ],
        gone: ['old'],
      }),
    },
    { name: 'no modules, no system', wish: wishOf({ inputs: {}, host: { name: 'a', modules: [] } }) },
  ];

  test.each(wishes)('grants its wish: $name', ({ wish }) => {
    const text = newFlake(wish, { description: 'of "mine"' });
    expect(editFlake(text, wish)).toMatchObject({ ok: true, text, changes: [], flake: { description: 'of "mine"' } });
  });

  test('real Nix finds the wish in it', () => {
    const dirs = writeFlakes(
      scratch,
      'new',
      wishes.map(({ wish }) => newFlake(wish)),
    );
    const seen = observe(scratch, dirs);
    expect(wishes.map(({ wish }, i) => notGranted(wish, seen[i]!, dirs[i]!))).toEqual(wishes.map(() => []));
  });
});
