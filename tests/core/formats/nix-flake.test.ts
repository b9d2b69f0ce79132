// flake.nix: read, edited and printed as the cases say, and as real Nix evaluates it.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse as parseYaml } from 'yaml';
import { readFlake } from '../../../core/formats/nix/flake.ts';
import { editFlake } from '../../../core/formats/nix/flake-edit.ts';
import { sameModule } from '../../../core/formats/nix/flake-host.ts';
import { newFlake } from '../../../core/formats/nix/flake-new.ts';
import { flakeCases, inputsAsValue, projectChanges, projectRead, type WishText, wishOf } from './nix-flake-cases.ts';

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
  scratch = mkdtempSync(join(tmpdir(), 'flake-'));
});
afterAll(() => rmSync(scratch, { recursive: true }));

/** Writes each text to `<folder>/<index>/flake.nix`. */
function writeFlakes(folder: string, texts: readonly string[]): string[] {
  return texts.map((text, i) => {
    const dir = join(scratch, folder, String(i));
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'flake.nix'), text);
    return dir;
  });
}

/** The value of a Nix expression, evaluated by real Nix. */
function evaluate(expression: string): unknown {
  const file = join(scratch, 'expression.nix');
  writeFileSync(file, expression);
  const out = execFileSync('nix-instantiate', ['--eval', '--strict', '--json', file], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
  return JSON.parse(out);
}

function inputsByNix(folder: string, texts: readonly string[]): unknown[] {
  const dirs = writeFlakes(folder, texts);
  return evaluate(`[ ${dirs.map((dir) => `((import ${dir}/flake.nix).inputs or { })`).join('\n')} ]`) as unknown[];
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
    // What Nix 2.8 does not know yet, or 2.27 refuses.
    const newer = ['path literal as url', 'inputs.self', 'error: self overridden', 'error: self with a url'];
    const refusal =
      /syntax error|must be an attribute set|expected an? .* but got|unexpected flake input attribute|unsupported attribute|lacks attribute|already defined|flake configuration setting|while a string, Boolean|undefined variable/;
    const compared = reads.filter(({ name }) => !newer.includes(name));
    // No host is asked: what would be fetched is a path that is not there.
    const dirs = writeFlakes(
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

describe('the flakes of the lock vectors', () => {
  const file = new URL('../../vectors/locks.json', import.meta.url);
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
    if (!result.ok) {
      const shown = result.problems.map(({ at, snippet, ...problem }) => ({
        ...problem,
        at: before.slice(at.start, at.end),
        ...(snippet === '' ? {} : { snippet }),
      }));
      expect(shown).toEqual(problems);
      return;
    }
    expect(problems).toBeUndefined();
    expect(result.text).toBe(after);
    expect(projectChanges(result.changes)).toEqual(changes);
    expect(readFlake(result.text)).toEqual(result.flake);
    for (const change of result.changes) expect(change.pointer).toMatch(/^\/(inputs|host|config)\//);
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
      'edited',
      granted.map(({ after }) => after),
    );
    const seen = evaluate(observed(dirs)) as Observed[];
    for (const [i, { name, wish }] of granted.entries()) {
      const { inputs, implicit, hosts } = seen[i]!;
      for (const { name: input, url, flake, follows } of wish.inputs) {
        const got = inputs[input] ?? (implicit.includes(input) ? {} : undefined);
        expect({ name, url: got?.url ?? `flake:${input}` }).toEqual({ name, url: wishedUrl(dirs[i]!, input, url) });
        if (flake !== undefined) expect({ name, flake: got?.flake ?? true }).toEqual({ name, flake });
        for (const [key, target] of Object.entries(follows ?? {})) {
          const at = key.split('/').reduce<Got | undefined>((input, part) => input?.inputs?.[part], got);
          expect(at?.follows?.replaceAll('/', '')).toBe(target.replaceAll('/', ''));
          expect(at?.url).toBeUndefined();
        }
      }
      if (!wish.host) continue;
      const host = hosts[wish.host.name];
      expect({ name, found: host !== undefined }).toEqual({ name, found: true });
      if (wish.host.system !== undefined) expect([null, wish.host.system]).toContain(host!.system);
      for (const module of wish.host.modules ?? []) {
        const found = host!.modules.some((path) => sameModule(path, resolve(dirs[i]!, module)));
        expect({ name, module, found }).toEqual({ name, module, found: true });
      }
    }
  });
});

/** An input as Nix evaluates it. */
interface Got {
  readonly url?: string;
  readonly flake?: boolean;
  readonly follows?: string;
  readonly inputs?: Record<string, Got>;
}

interface Observed {
  readonly inputs: Record<string, Got>;
  readonly implicit: readonly string[];
  readonly hosts: Record<string, { readonly system: string | null; readonly modules: readonly string[] }>;
}

/** A path literal evaluates to an absolute path, `home-manager` means `flake:home-manager`. */
function wishedUrl(dir: string, input: string, url: string): string {
  if (url === input) return `flake:${input}`;
  return url === './same' ? join(dir, 'same') : url;
}

/** What each flake declares and returns when it is called as Nix calls it, with inputs that stand for real ones. */
function observed(dirs: readonly string[]): string {
  return `
    let
      input = name: {
        outPath = "/input/" + name;
        lib = {
          nixosSystem = args: args;
          eachDefaultSystem = f: f "x86_64-linux";
        };
        nixosModules = { default = { }; lenovo-thinkpad-t480 = { }; };
      };
      show = module: if builtins.isPath module then toString module else "other";
      inline = builtins.foldl' (found: module: if found != null then found else module.nixpkgs.hostPlatform or null) null;
      host = args: {
        system = args.system or (inline (builtins.filter builtins.isAttrs (args.modules or [ ])));
        modules = map show (args.modules or [ ]);
      };
      plain = value: if builtins.isPath value then toString value else if builtins.isAttrs value then builtins.mapAttrs (_: plain) value else value;
      observe = file:
        let
          flake = import file;
          formals = builtins.filter (name: name != "self") (builtins.attrNames (builtins.functionArgs flake.outputs));
          names = builtins.attrNames (flake.inputs or { }) ++ formals;
          inputs = builtins.listToAttrs (map (name: { inherit name; value = input name; }) names);
          outputs = flake.outputs (inputs // { self = input "self"; });
        in {
          inputs = plain (flake.inputs or { });
          implicit = formals;
          hosts = builtins.mapAttrs (_: host) (outputs.nixosConfigurations or { });
        };
    in map observe [ ${dirs.map((dir) => `${dir}/flake.nix`).join('\n')} ]`;
}

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
    { name: 'no inputs', wish: { inputs: [], host: full.host! } },
    {
      name: 'names that need quotes',
      wish: wishOf({
        inputs: { 'nixpkgs-24.05': 'github:NixOS/nixpkgs/nixos-24.05', '2': { url: 'path:./"${2}"', flake: false } },
        host: { name: 'web.1', system: 'aarch64-linux', modules: ['./my ${module}.nix', 'hosts/web'] },
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
      'new',
      wishes.map(({ wish }) => newFlake(wish)),
    );
    const seen = evaluate(observed(dirs)) as Observed[];
    for (const [i, { wish }] of wishes.entries()) {
      for (const { name, url } of wish.inputs) expect(seen[i]!.inputs[name]!.url).toBe(url);
      if (!wish.host) continue;
      const { name, system = null, modules = [] } = wish.host;
      expect(seen[i]!.hosts[name]).toEqual({ system, modules: modules.map((module) => resolve(dirs[i]!, module)) });
    }
  });
});
