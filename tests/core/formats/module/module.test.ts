// Reading and editing NixOS modules: case files, the two installers' shapes, random modules, and what Nix evaluates.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ModuleEdit, removeBinding, setFeatures } from '../../../../core/formats/module/edit.ts';
import { readModule } from '../../../../core/formats/module/module.ts';
import { splice } from '../../../../core/formats/nix/splice.ts';
import type { Static } from '../../../../core/formats/nix-value/static.ts';
import { evaluateWithNix } from '../nix/parse-oracle.ts';
import { randomModule } from './random.ts';
import { nothing, snippets } from './snippets.ts';

const cases = new URL('../../../cases/', import.meta.url);
const wanted = ['nix-command', 'flakes'];

function read(path: string): string {
  return readFileSync(new URL(path, cases), 'utf8');
}

/** `=== name`, the text, `--- outcome detail`, and the text wanted unless refused. */
interface EditCase {
  readonly name: string;
  readonly before: string;
  readonly outcome: string;
  readonly after: string;
}

function readCases(path: string): readonly EditCase[] {
  return read(path)
    .split(/^=== /m)
    .slice(1)
    .map((block) => {
      const [head = '', outcome = '', after = ''] = block.split(/^--- (.*)\n/m);
      const [name = ''] = head.split('\n', 1);
      return { name, before: head.slice(name.length + 1), outcome, after };
    });
}

function outcomeOf(edit: ModuleEdit): string {
  return edit.ok ? `${edit.described.kind} ${edit.described.line}` : `refused ${edit.reason}`;
}

const edits = readCases('nix-module/edits.txt');
const removals = readCases('nix-module/removals.txt');

/** The same case with another kind of line ends, and without the last. */
const variants: readonly (readonly [string, (text: string) => string])[] = [
  ['as written', (text) => text],
  ['CRLF', (text) => text.replaceAll('\n', '\r\n')],
  ['no final newline', (text) => text.replace(/\n$/, '')],
  ['tabs', (text) => text.replaceAll('  ', '\t')],
];

/** True if the variant changes the text; the text as written always counts. */
function variesBy(vary: (text: string) => string, text: string): boolean {
  return vary === variants[0]![1] || vary(text) !== text;
}

describe.each(variants)('setFeatures, %s', (_, vary) => {
  test.each(edits.filter(({ before }) => variesBy(vary, before)))('$name', ({ before, outcome, after }) => {
    const edit = setFeatures(vary(before), wanted);
    expect(outcomeOf(edit)).toBe(outcome);
    if (!edit.ok) {
      expect(edit.snippet).toBe('nix.settings.experimental-features = [ "nix-command" "flakes" ];');
      expect(edit.at.end).toBeLessThanOrEqual(vary(before).length);
      return;
    }
    expect(edit.text).toBe(vary(after));
    expect(splice(vary(before), edit.edits)).toBe(edit.text);
    expect(outcomeOf(setFeatures(edit.text, wanted))).toMatch(/^unchanged/);
  });
});

describe.each(variants)('removeBinding, %s', (_, vary) => {
  test.each(removals.filter(({ before }) => variesBy(vary, before)))('$name', ({ before, outcome, after }) => {
    const edit = removeBinding(vary(before), ['system', 'copySystemConfiguration']);
    expect(outcomeOf(edit)).toBe(outcome);
    if (edit.ok) expect(edit.text).toBe(vary(after));
  });
});

/** A value, or the word for why there is none. */
function plain<T>(value: Static<T>): T | string {
  return value.kind === 'static' ? value.value : value.kind;
}

function factsOf(text: string): unknown {
  const facts = readModule(text);
  if (!facts.ok) return facts;
  const { hostName, stateVersion, hostPlatform, users, features, imports, copySystemConfiguration, autoUpgrade } =
    facts;
  return {
    hostName: plain(hostName),
    stateVersion: plain(stateVersion),
    hostPlatform: plain(hostPlatform),
    users: users.map(plain),
    features: plain(features.effective),
    imports: imports.map((one) => (one.kind === 'relative' ? one.path : `${one.kind}: ${one.text}`)),
    copySystemConfiguration: plain(copySystemConfiguration),
    autoUpgrade: [plain(autoUpgrade.enable), plain(autoUpgrade.channel), plain(autoUpgrade.flake)],
  };
}

describe('readModule', () => {
  const files: Readonly<Record<string, object>> = {
    'nix-module/calamares.nix': {
      hostName: 'heron',
      stateVersion: '25.11',
      users: ['alice'],
      imports: ['./hardware-configuration.nix'],
    },
    'nix-module/minimal.nix': { stateVersion: '25.11', imports: ['./hardware-configuration.nix'] },
    'nix-module/hardware.nix': {
      hostPlatform: 'x86_64-linux',
      imports: ['modules-path: (modulesPath + "/installer/scan/not-detected.nix")'],
    },
    'samples/01-home-manager-channel.nix': {
      hostName: 'wren',
      stateVersion: '24.05',
      imports: ['./hardware-configuration.nix', 'search-path: <home-manager/nixos>'],
    },
    'samples/03-home-manager-fetchtarball-pinned.nix': {
      stateVersion: '25.05',
      imports: ['dynamic: (import "${home-manager}/nixos")'],
    },
    'samples/05-silent-pathExists-optional-import.nix': {
      stateVersion: '24.11',
      imports: [
        './hardware-configuration.nix',
        'dynamic: lib.optional (builtins.pathExists /etc/nixos/mounts.nix) /etc/nixos/mounts.nix',
        'dynamic: lib.optional (builtins.pathExists /etc/nixos/local.nix) /etc/nixos/local.nix',
      ],
    },
    'samples/07-silent-getEnv.nix': { stateVersion: '24.05', users: ['not-static'] },
    'samples/09-extraOptions-nixFlakes.nix': { stateVersion: '22.11', features: ['nix-command', 'flakes'] },
    'samples/11-features-unrelated-list.nix': { stateVersion: '24.11', features: ['auto-allocate-uids', 'cgroups'] },
    'samples/13-autoUpgrade-channel.nix': {
      stateVersion: '23.05',
      autoUpgrade: [true, 'https://channels.nixos.org/nixos-25.05', 'absent'],
    },
    'samples/15-virtualbox-demo.nix': {
      imports: ['search-path: <nixpkgs/nixos/modules/installer/virtualbox-demo.nix>'],
    },
    'samples/17-hostname-shapes.nix': { hostName: 'kastor', stateVersion: 'not-static' },
    'samples/19-plaintext-secrets.nix': { stateVersion: '24.05' },
  };
  test('every sample has its facts', () => {
    const names = readdirSync(new URL('samples/', cases)).map((name) => `samples/${name}`);
    expect(Object.keys(files)).toEqual(expect.arrayContaining(names));
  });
  test.each(Object.entries(files))('%s', (path, facts) => {
    expect(factsOf(read(path))).toEqual({ ...nothing, ...facts });
    expect(factsOf(read(path).replaceAll('\n', '\r\n'))).toEqual({ ...nothing, ...facts });
  });

  test.each(snippets)('%s', (text, facts) => {
    const found = factsOf(text) as Record<string, unknown>;
    for (const [key, value] of Object.entries({ ...nothing, ...facts })) {
      expect({ [key]: found[key] }).toEqual({ [key]: value });
    }
  });

  test('spans count UTF-16 units', () => {
    const text = '# ‘🐦’\n{ networking.hostName = "‘a’"; system.stateVersion = "1"; }';
    const facts = readModule(text);
    if (!facts.ok || facts.stateVersion.kind !== 'static') throw new Error('not read');
    const { start, end } = facts.stateVersion.span;
    expect(text.slice(start, end)).toBe('"1"');
  });

  test.each([
    ['{ a = 1', "the file ends where ';' is expected"],
    ['lib.mkMerge [ ]', 'the module is the result of `mkMerge`, not a set'],
    ['[ ]', 'the module is a list, not a set'],
  ])('%s is refused', (text, reason) => {
    expect(readModule(text)).toMatchObject({ ok: false, reason });
  });
});

describe('the installers’ files', () => {
  test.each(['calamares', 'minimal'])('%s gets one block behind its imports', (name) => {
    const before = read(`nix-module/${name}.nix`);
    const edit = setFeatures(before, wanted);
    const [imports = '', rest = ''] = before.split(/(?<=^[\s\S]*?hardware-configuration.nix\s*\];\n)(?=\n)/);
    const block = '\n  nix.settings.experimental-features = [ "nix-command" "flakes" ];\n';
    expect(edit.ok && edit.text).toBe(imports + block + rest);
    expect(outcomeOf(edit)).toBe(`added ${imports.split('\n').length + 1}`);
  });
  test('what someone takes out again comes back', () => {
    const after = setFeatures(read('nix-module/calamares.nix'), wanted);
    if (!after.ok) throw new Error(after.reason);
    for (const disturbed of [
      after.text.replace(' "flakes"', ''),
      after.text.replace(/\n.*experimental-features.*\n/, ''),
      after.text.replace(/ {2}(?=nix\.settings)/, '  # '),
    ]) {
      expect(disturbed).not.toBe(after.text);
      const repaired = setFeatures(disturbed, wanted);
      expect(repaired.ok && factsOf(repaired.text)).toMatchObject({ features: ['nix-command', 'flakes'] });
    }
    const repaired = setFeatures(after.text.replace(' "flakes"', ''), wanted);
    expect(repaired.ok && repaired.text).toBe(after.text);
  });
});

test('a random module gets the features, at one place, once, and keeps what it had', () => {
  const outcomes = new Set<string>();
  fc.assert(
    fc.property(
      randomModule,
      fc.subarray(['nix-command', 'flakes', 'cgroups'], { minLength: 1 }),
      ({ text, present }, features) => {
        const edit = setFeatures(text, features);
        if (!edit.ok) throw new Error(`${edit.reason}: ${JSON.stringify(text)}`);
        outcomes.add(edit.described.kind);
        const facts = readModule(edit.text);
        if (!facts.ok) throw new Error(facts.reason);
        const effective = plain(facts.features.effective);
        expect(effective).toEqual(expect.arrayContaining([...present, ...features]));
        expect(effective).toHaveLength(new Set([...present, ...features]).size);
        expect(setFeatures(edit.text, features)).toMatchObject({ ok: true, text: edit.text, edits: [] });
        expect(edit.edits.length).toBeLessThanOrEqual(1);
        expect(splice(text, edit.edits)).toBe(edit.text);
        const [only] = edit.edits;
        if (only !== undefined && edit.described.kind !== 'converted') expect(only.end).toBe(only.start);
        if (text.includes('\r')) expect(edit.text.replaceAll('\r\n', '')).not.toContain('\n');
        else expect(edit.text).not.toContain('\r');
        expect({ ...(factsOf(edit.text) as object), features: 0 }).toEqual({
          ...(factsOf(text) as object),
          features: 0,
        });
      },
    ),
    { numRuns: 1500, seed: 1 },
  );
  expect([...outcomes].sort()).toEqual(['added', 'converted', 'extended', 'unchanged']);
});

test('Nix evaluates the edited modules to the wished features', () => {
  const texts = [
    ...edits.map(({ before }) => before),
    ...fc.sample(randomModule, { numRuns: 300, seed: 2 }).map(({ text }) => text),
    ...['calamares', 'minimal', 'hardware'].map((name) => read(`nix-module/${name}.nix`)),
    ...readdirSync(new URL('samples/', cases)).map((name) => read(`samples/${name}`)),
  ];
  const results = texts.flatMap((text) => {
    const edit = setFeatures(text, wanted);
    return edit.ok ? [edit.text] : [];
  });
  expect(results.length).toBeGreaterThan(300);
  const lib = '{ mkDefault = x: x; mkForce = x: x; mkEnableOption = x: x; optional = _: _: []; }';
  const effects = results.map(
    (text) => `let
      lib = ${lib};
      module = (\n${text}\n);
      args = { config = { sops.secrets.token.path = "/t"; }; pkgs = { nixFlakes = 1; nixVersions.latest = 1; }; inherit lib; modulesPath = "/m"; };
      all = if builtins.isFunction module then module args else module;
      nix = (all.config or all).nix;
    in { settings = nix.settings or { }; extra = nix.extraOptions or ""; }`,
  );
  for (const value of evaluateWithNix(effects)) {
    const { settings, extra } = value as { settings: Record<string, string | string[]>; extra: string };
    const split = (one: string | string[] | undefined): string[] =>
      Array.isArray(one) ? one : (one ?? '').split(/\s+/);
    let effective = [...split(settings['experimental-features']), ...split(settings['extra-experimental-features'])];
    for (const line of extra.split('\n')) {
      const match = /^\s*(extra-)?experimental-features\s*=([^#]*)/.exec(line);
      if (match) effective = [...(match[1] === undefined ? [] : effective), ...split(match[2]!.trim())];
    }
    expect(effective).toEqual(expect.arrayContaining(wanted));
  }
});
