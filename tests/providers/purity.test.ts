// What a flake cannot evaluate, as a plan tells it: how often, where, and what evaluation makes of it.

import { describe, expect, test } from '@jest/globals';
import { documentsOf } from '../../core/documents/documents.ts';
import type { Evaluated, EvaluatedHost } from '../../core/evaluation/question.ts';
import { absolute } from '../../core/path.ts';
import { purity } from '../../providers/purity.ts';
import { memoryScene } from '../support/faults.ts';
import type { Literal } from '../support/trees.ts';

const DIR = absolute('/srv/config');
const FLAKE = '{ outputs = _: { nixosConfigurations.n = nixosSystem { modules = [ ./configuration.nix ]; }; }; }';

async function look(files: Literal) {
  const literal = Object.fromEntries(
    Object.entries({ 'flake.nix': FLAKE, ...files }).map(([name, leaf]) => [`${DIR}/${name}`, leaf]),
  );
  const reader = memoryScene(literal).open().host;
  const documents = documentsOf({ dir: DIR, hosts: [{ attribute: 'n' }], home: '/root' }, reader);
  const found = await purity.look({ dir: DIR, host: { attribute: 'n' } } as never, reader, documents);
  return { found: found! };
}

test('a hundred places of a kind in a file are one finding, with all of them', async () => {
  const text = `[\n${Array.from({ length: 100 }, (_, at) => `<a${at % 4}>`).join('\n')}\n]`;
  const { found } = await look({ 'configuration.nix': text });
  expect(found.findings.map(({ code, because, at }) => [code, because, at?.line])).toEqual([
    ['RF2055', '"configuration.nix" looks up <a0>, <a1>, <a2>, …, and a flake has no lookup path (100 places)', 2],
  ]);
  const places = found.findings[0]!.evidence!.flatMap(({ saw }) => saw.replace(/^.* at /, '').split(', '));
  expect(new Set(places)).toEqual(new Set(Array.from({ length: 100 }, (_, at) => `${at + 2}:1`)));
});

describe('what ends evaluation', () => {
  const files = { 'configuration.nix': '{ imports = [ <a> ]; b = builtins.getEnv "B"; }' };

  test('leaves the modules undecided, until Nix has evaluated the whole system', async () => {
    const { found } = await look(files);
    expect(found.findings.map(({ code, wish }) => [code, wish])).toEqual([
      ['RF2055', '/config/modules'],
      ['RF2056', undefined],
    ]);
    const decide = found.asks!.decide;
    expect(found.asks!.toplevel).toBe(true);
    const said = (host: EvaluatedHost): Evaluated => ({ names: ['n'], hosts: new Map([['n', host]]) });
    expect(decide(said({ toplevel: '/nix/store/a.drv' }), undefined).findings).toEqual([]);
    expect(decide(said({}), undefined).findings).toEqual([found.findings[0]]);
    expect(decide({ names: [], hosts: new Map() }, undefined).findings).toEqual([found.findings[0]]);
  });

  test('is no question where there is only advice', async () => {
    const { found } = await look({ 'configuration.nix': '{ b = builtins.getEnv "B"; }' });
    expect([found.findings.length, found.asks]).toEqual([1, undefined]);
  });
});

test('positions are those of the text, whatever bytes it holds', async () => {
  const { found } = await look({ 'configuration.nix': '# \udce9\u00e9\n{ a = "\udce9"; b = <x>; }' });
  expect(found.findings.map(({ at }) => [at?.line, at?.column])).toEqual([[2, 16]]);
});
