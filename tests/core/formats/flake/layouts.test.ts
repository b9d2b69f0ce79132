// Hosts of every layout, read by value: what is read is what real Nix evaluates, and what is edited too.

import { rmSync } from 'node:fs';
import { afterAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { editFlake } from '../../../../core/formats/flake/edit.ts';
import { openFlake } from '../../../../core/formats/flake/flake.ts';
import type { FlakeWish } from '../../../../core/formats/flake/wish.ts';
import { openHost } from '../../../../core/formats/flake-hosts/host.ts';
import { plainModule } from '../../../../core/formats/flake-hosts/module-item.ts';
import { hostsPlace } from '../../../../core/formats/flake-hosts/outputs.ts';
import { drawnFlake, type Evaluated, evaluateFlakes, type Files, filesIn, LAYOUTS, openFiles } from './layouts.ts';
import { newScratch } from './oracle.ts';

const scratch = newScratch();
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** What is read; undefined members where the text does not tell. */
function readHosts(
  files: Files,
  tree = filesIn(files),
): Record<string, { system?: string; hostName?: string; modules?: readonly string[] } | undefined> {
  const open = openFlake(files['flake.nix']!, undefined, tree);
  if (!open.ok) throw new Error(open.error.message);
  const place = hostsPlace(open.lambda, open.scope);
  if (place.kind !== 'hosts') throw new Error(place.kind === 'opaque' ? place.reason : place.kind);
  expect(place.unknown).toEqual([]);
  return Object.fromEntries(
    [...place.hosts].map(([name, value]) => {
      const host = openHost(name, value);
      if (host.kind === 'opaque') return [name, undefined];
      const system = host.platform();
      // Whatever is wished, the answer is the same.
      for (const wished of ['x86_64-linux', 'aarch64-linux']) {
        const read = host.platform(wished);
        expect(read.kind === 'static' && read.value).toBe(system.kind === 'static' && system.value);
      }
      const isOpen = host.decl.modules.some(({ kind }) => kind === 'unknown');
      const modules = host.decl.modules.flatMap((one) => (one.kind === 'path' ? [plainModule(one.path)] : []));
      const named = host.hostName();
      const hostName = named.kind === 'unset' ? 'nixos' : named.kind === 'static' ? named.value : undefined;
      return [
        name,
        {
          ...(hostName !== undefined && { hostName }),
          ...(system.kind === 'static' && { system: system.value }),
          ...(!isOpen && { modules }),
        },
      ];
    }),
  );
}

const plain = (evaluated: Evaluated): Evaluated =>
  Object.fromEntries(
    Object.entries(evaluated).map(([name, { modules, ...host }]) => [
      name,
      { ...host, modules: modules.map(plainModule) },
    ]),
  );

const flakes = fc.sample(drawnFlake, { numRuns: 300, seed: 41 });

describe('by real Nix', () => {
  test('every layout is drawn', () => {
    expect(new Set(flakes.map(({ layout }) => layout))).toEqual(new Set(Object.keys(LAYOUTS)));
  });

  test('each host is read as Nix evaluates it, and nothing is left open', () => {
    const said = evaluateFlakes(
      scratch,
      'read',
      flakes.map(({ files }) => files),
    );
    const wrong = flakes.flatMap(({ layout, files }, index) => {
      const read = JSON.stringify(sorted(readHosts(files)));
      const right = JSON.stringify(sorted(plain(said[index]!)));
      return read === right ? [] : [{ layout, read, right, flake: files['flake.nix'] }];
    });
    expect(wrong.slice(0, 3)).toEqual([]);
  });

  test('an edit brings what was wished, and changes nothing else', () => {
    const tried = flakes.map(({ hosts, files }, index) => ({ files, wish: wishFor(hosts[0]!.name, index) }));
    const edited = tried.flatMap(({ files, wish }) => {
      const edit = editFlake(files['flake.nix']!, wish, {}, openFiles(files));
      return edit.ok && edit.changes.length > 0
        ? [{ before: files, files: { ...files, 'flake.nix': edit.text }, wish }]
        : [];
    });
    expect(edited.length).toBeGreaterThan(60);
    const before = evaluateFlakes(
      scratch,
      'before',
      edited.map((one) => one.before),
    ).map(plain);
    const after = evaluateFlakes(
      scratch,
      'after',
      edited.map(({ files }) => files),
    ).map(plain);
    edited.forEach(({ wish, files }, index) => {
      const { name, system, modules = [] } = wish.hosts![0]!;
      const [was, is] = [before[index]![name], after[index]![name]!];
      const others = (all: Evaluated): unknown => ({ ...all, [name]: undefined });
      expect({ flake: files['flake.nix'], rest: others(after[index]!) }).toMatchObject({
        rest: others(before[index]!),
      });
      if (system !== undefined) expect(is.system).toBe(system);
      expect(is.modules).toEqual([...(was?.modules ?? []), ...modules.filter((one) => !was?.modules.includes(one))]);
    });
  });

  test('an edit asks for nothing again', () => {
    for (const [index, { hosts, files }] of flakes.entries()) {
      const wish = wishFor(hosts[0]!.name, index);
      const edit = editFlake(files['flake.nix']!, wish, {}, openFiles(files));
      if (!edit.ok || edit.open.length > 0) continue;
      const again = { ...files, 'flake.nix': edit.text };
      expect(editFlake(edit.text, wish, {}, openFiles(again))).toMatchObject({ ok: true, changes: [] });
    }
  });
});

/** A wish about the first host or a new one: a system, a module, or both. */
function wishFor(name: string, index: number): FlakeWish {
  const wanted = [
    { system: 'x86_64-linux' },
    { modules: ['./common.nix'] },
    { system: 'aarch64-linux', modules: ['./extra.nix'] },
  ];
  // A new host has its system from nowhere else.
  if (index % 4 === 3)
    return {
      inputs: [],
      hosts: [{ name: 'new', system: 'x86_64-linux', modules: ['./extra.nix'], ...wanted[index % 3] }],
    };
  return { inputs: [], hosts: [{ name, ...wanted[index % 3] }] };
}

function sorted(value: object): object {
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

test('where a module says another system, the snippet for a module of the host brings the wished one', () => {
  const files = (more = ''): Files => ({
    'flake.nix': `{
  inputs.nixpkgs.url = "nixpkgs";
  outputs = { self, nixpkgs, ... }: {
    nixosConfigurations.web = nixpkgs.lib.nixosSystem { system = "x86_64-linux"; modules = [ ./hardware.nix ./own.nix ]; };
  };
}`,
    'hardware.nix': '{ nixpkgs.hostPlatform = "x86_64-linux"; }',
    'own.nix': `{ lib, ... }: { networking.hostName = "web"; ${more} }`,
  });
  const wish: FlakeWish = { inputs: [], hosts: [{ name: 'web', system: 'aarch64-linux' }] };
  const edit = editFlake(files()['flake.nix']!, wish, {}, openFiles(files()));
  if (edit.ok) throw new Error('it was edited');
  const [{ snippet } = { snippet: '' }] = edit.problems;
  expect(snippet).toContain('# in a module of');
  const [said] = evaluateFlakes(scratch, 'snippet', [files(snippet.split('\n')[1])]);
  expect(said).toMatchObject({ web: { system: 'aarch64-linux' } });
});

test('what is read does not depend on which files are left unparsed', () => {
  // A file that matches every pattern counts as one that may define anything and lead anywhere.
  for (const { files } of flakes) {
    const all = { ...filesIn(files), matching: () => Object.keys(files).map((name) => `./${name}`) };
    expect(readHosts(files, all)).toEqual(readHosts(files));
  }
});

test('files are given by their paths from the top', () => {
  expect(filesIn({ 'a/default.nix': '{ }' }).nix('./a')).toMatchObject({ ok: true, path: './a/default.nix' });
});
