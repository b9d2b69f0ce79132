// A host is added to the text of a spec: as a value, what was there and the new one; as text, only one line is new.

import { describe, expect, test } from '@jest/globals';
import { parseJson } from '../../../core/formats/json.ts';
import { parseYaml } from '../../../core/formats/yaml.ts';
import { type HostEntry, hostLine, withHost } from '../../../core/spec/with-host.ts';
import { modulesLikeSiblings } from '../../../core/survey/sibling-modules.ts';

const ENTRY: HostEntry = { host: { system: 'aarch64-linux' }, config: { modules: ['./hosts/new.nix'] } };

const GOOD: Readonly<Record<string, readonly [file: string, text: string]>> = {
  'a map of lines': [
    's.yaml',
    'version: 1\nhosts:\n  web: { host: { system: a } } # first\n  db:\n    host:\n      system: b\n\n# the rest\ngit: off\n',
  ],
  'a map of lines at the end, without newline': ['s.yaml', 'hosts:\n    web:\n        host: { system: a }'],
  'a host that is gone': ['s.yaml', 'hosts:\n  web: { host: { system: a } }\n  old: null\ngit: off\n'],
  'a gone host written as nothing': ['s.yaml', 'hosts:\n  web: { host: { system: a } }\n  old:\ngit: off\n'],
  'a map in one line': ['s.yaml', 'hosts: { web: { host: { system: a } } }\ngit: off\n'],
  'a map in braces over lines': [
    's.yaml',
    'hosts: {\n  web: { host: { system: a } },\n  db: { host: { system: b } }\n}\n',
  ],
  'names in quotes': ['s.yaml', 'hosts:\n  "web": { host: { system: a } }\n'],
  'JSON over lines': ['s.json', '{\n  "hosts": {\n    "web": { "host": { "system": "a" } }\n  },\n  "version": 1\n}\n'],
  'JSON in one line': ['s.json', '{"hosts":{"web":{"host":{"system":"a"}}}}'],
};

test.each(Object.entries(GOOD))('%s', async (_what, [file, text]) => {
  const made = await withHost(file, text, 'new', ENTRY);
  expect(made).toBeDefined();
  const parse = async (one: string) => (file.endsWith('.json') ? parseJson(one) : await parseYaml(one));
  const [was, is] = [await parse(text), await parse(made!)];
  if (!was.ok || !is.ok) throw new Error('no spec');
  const before = was.value as { hosts: object };
  expect(is.value).toEqual({ ...before, hosts: { ...before.hosts, new: ENTRY } });
  // Every line that was there is there, in its order, but for a comma or a brace at its end.
  const rest = made!.split('\n').map((line) => line.trimEnd());
  let at = 0;
  for (const line of rest)
    if (at < text.split('\n').length && line.startsWith(text.split('\n')[at]!.replace(/[ }]+$/, ''))) at++;
  expect(at).toBe(text.split('\n').length);
});

describe('no safe place', () => {
  test.each([
    ['no hosts', 'version: 1\n'],
    ['no map', 'hosts: 3\n'],
    ['an alias', 'a: &h { web: { host: { system: a } } }\nhosts: *h\n'],
    ['no YAML', 'hosts: {\n'],
  ])('%s', async (_what, text) => {
    expect(await withHost('s.yaml', text, 'new', ENTRY)).toBeUndefined();
  });
});

test('a name that YAML takes for something else is quoted', () => {
  expect(hostLine('no', { host: { system: 'x' } })).toBe('"no": { host: { system: "x" } }');
  expect(hostLine('web', { host: { system: 'x' } })).toBe('web: { host: { system: "x" } }');
});

test('the modules of a new host are named as its siblings name theirs, or are not known', () => {
  const of = (...siblings: readonly (readonly [string, readonly string[]])[]) =>
    modulesLikeSiblings(
      'new',
      siblings.map(([key, modules]) => ({ key, modules })),
    );
  expect(of(['web', ['./hosts/web.nix', './all.nix']], ['db', ['./hosts/db.nix', './all.nix']])).toEqual([
    './hosts/new.nix',
    './all.nix',
  ]);
  expect(of(['web', ['./web']], ['db', ['./db']])).toEqual(['./new']);
  expect(of(['web', ['./webserver.nix']])).toEqual(['./webserver.nix']);
  expect(of(['web', ['./web.nix']], ['db', ['./database.nix']])).toBeUndefined();
  expect(of()).toBeUndefined();
});
