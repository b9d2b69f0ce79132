// What a look at a machine says before a spec is written: which nixpkgs, which name, which text.

import { describe, expect, test } from '@jest/globals';
import { parseYaml } from '../../../core/formats/yaml.ts';
import { people } from '../../../core/machine/people.ts';
import type { Spec } from '../../../core/spec/hosts-over-defaults.ts';
import { loadSpec } from '../../../core/spec/load.ts';
import { problemWith } from '../../../core/survey/answers.ts';
import { leaveOut } from '../../../core/survey/draft.ts';
import { branchOfVersion, nixpkgsNamed, nixpkgsOf, ofChannel } from '../../../core/survey/nixpkgs.ts';
import { specText } from '../../../core/survey/spec-text.ts';
import { survey } from '../../../core/survey/survey.ts';
import { nameOf } from '../../../core/survey/who.ts';
import { memoryScene } from '../../support/faults.ts';
import { BASES } from '../../support/plan-cases.ts';
import type { Literal } from '../../support/trees.ts';

const ROOT = { name: 'root', uid: 0, gid: 0, home: '/root' };
const hostOf = (literal: Literal) => memoryScene(literal).open().host;

test('the survey of a fresh machine', () => {
  const found = survey(hostOf(BASES.machines.fresh), ROOT, undefined, true);
  expect(found).toMatchObject({
    running: { value: 'nixos', source: 'this machine' },
    configured: { value: 'nixos', source: 'configuration.nix' },
    system: { value: 'x86_64-linux', source: 'hardware-configuration.nix' },
    nixpkgs: { value: 'nixos-23.11', source: expect.stringContaining('system.stateVersion') },
    user: { value: 'srid', source: '/etc/passwd' },
    from: '/etc/nixos',
    installed: undefined,
    inHome: [],
    notes: [],
  });
  expect(survey(hostOf({}), ROOT, undefined, true)).toMatchObject({ user: undefined, from: undefined, inHome: [] });
});

describe('which nixpkgs', () => {
  test.each([
    ['https://nixos.org/channels/nixos-24.05', 'nixos-24.05'],
    ['https://channels.nixos.org/nixos-unstable', 'nixos-unstable'],
    ['https://channels.nixos.org/nixos-unstable-small/', 'nixos-unstable-small'],
    ['https://nixos.org/channels/nixos-24.05-small', 'nixos-24.05-small'],
    ['https://nixos.org/channels/nixpkgs-unstable', 'nixpkgs-unstable'],
    ['https://channels.nixos.org/nixos-26.05/nixexprs.tar.zst', 'nixos-26.05'],
    ['https://mirrors.tuna.tsinghua.edu.cn/nix-channels/nixos-23.11', 'nixos-23.11'],
    ['https://releases.nixos.org/nixos/24.05/nixos-24.05.1234.abcdef012345', 'nixos-24.05'],
    ['https://releases.nixos.org/nixos/24.05-small/nixos-24.05.1234.abcdef012345/nixexprs.tar.xz', 'nixos-24.05-small'],
    ['https://releases.nixos.org/nixos/unstable/nixos-26.11pre5678.abcdef012345', 'nixos-unstable'],
    ['https://github.com/NixOS/nixpkgs/archive/nixos-24.05.tar.gz', 'nixos-24.05'],
    ['https://github.com/nixos/nixpkgs/archive/refs/heads/master.tar.gz', 'master'],
    ['https://github.com/me/nixpkgs/archive/mine.tar.gz', 'github:me/nixpkgs/mine'],
    ['https://example.org/own', 'https://example.org/own/nixexprs.tar.xz'],
    ['/opt/nixpkgs', undefined],
  ])('the channel %s', (url, value) => {
    expect(ofChannel(url, 'the root channel')?.value).toBe(value);
  });

  test.each([
    ['24.05.1234.abcdef', 'nixos-24.05'],
    ['24.05beta12.abcdef', 'nixos-24.05'],
    ['26.11pre5678.abcdef', 'nixos-unstable'],
    ['26.11.20261001.abcdef', 'nixos-unstable'],
    ['26.05.20261001.abcdef', 'nixos-26.05'],
    ['26.11pre-git', 'nixos-unstable'],
    ['', undefined],
  ])('the version %s', (version, value) => {
    expect(branchOfVersion(version)).toBe(value);
  });

  const OS_RELEASE = { '/etc/os-release': 'ID=nixos\nVERSION_ID="26.11"\n' };
  const VERSION = { '/run/current-system/nixos-version': '24.05.99.abcdef\n' };
  const CHANNEL = {
    '/root/.nix-channels': '# mine\nhttps://nixos.org/channels/nixos-unstable nixos\nhttps://x.org/hm hm\n',
  };
  test.each<readonly [string, Literal, string | undefined, string | undefined]>([
    ['nothing', {}, undefined, undefined],
    ['os-release', OS_RELEASE, 'nixos-26.11', '/etc/os-release'],
    [
      'its build id',
      { '/etc/os-release': 'ID=nixos\nVERSION_ID="26.11"\nBUILD_ID="26.11pre1.ab"\n' },
      'nixos-unstable',
      '/etc/os-release',
    ],
    ['another distribution', { '/etc/os-release': 'ID=debian\nVERSION_ID="12.05"\n' }, undefined, undefined],
    ['the running system over it', { ...OS_RELEASE, ...VERSION }, 'nixos-24.05', 'the running system'],
    ['the channel over all', { ...OS_RELEASE, ...VERSION, ...CHANNEL }, 'nixos-unstable', 'the root channel'],
    [
      'a channel that nobody named',
      { '/root/.nix-channels': 'https://nixos.org/channels/nixos-24.05-small\n' },
      'nixos-24.05-small',
      'the root channel',
    ],
    [
      'the tree that nix-channel unpacked',
      {
        '/nix/var/nix/profiles/per-user/root/channels/nixos/.version': '26.11',
        '/nix/var/nix/profiles/per-user/root/channels/nixos/.version-suffix': 'pre12.ab',
      },
      'nixos-unstable',
      'the tree of the root channel',
    ],
    [
      'its store path',
      {
        '/nix/var/nix/profiles/per-user/root/channels': {
          link: '/nix/store/00000000000000000000000000000000-user-environment',
        },
        '/nix/store/00000000000000000000000000000000-user-environment/nixos': {
          link: '/nix/store/11111111111111111111111111111111-nixos-24.05.1.ab/nixos',
        },
        '/nix/store/11111111111111111111111111111111-nixos-24.05.1.ab/nixos/x': '',
      },
      'nixos-24.05',
      'the tree of the root channel',
    ],
  ])('%s', (_what, literal, value, source) => {
    const { found } = nixpkgsOf(hostOf(literal));
    expect([found?.value, found?.source]).toEqual([value, source]);
  });

  test('a running system of another release is told', () => {
    expect(nixpkgsOf(hostOf({ ...VERSION, ...CHANNEL })).notes).toEqual([expect.stringContaining('nixos-24.05')]);
    const small = { '/root/.nix-channels': 'https://nixos.org/channels/nixos-24.05-small nixos\n' };
    expect(nixpkgsOf(hostOf({ ...VERSION, ...small })).notes).toEqual([]);
  });

  test.each([
    ['24.05', 'github:NixOS/nixpkgs/nixos-24.05'],
    ['nixos-unstable-small', 'github:NixOS/nixpkgs/nixos-unstable-small'],
    ['github:me/nixpkgs', 'github:me/nixpkgs'],
    ['twenty', undefined],
    ['24.5', undefined],
  ])('the answer %s', (answer, url) => {
    expect(nixpkgsNamed(answer, '')?.url).toBe(url);
  });
});

describe('the name', () => {
  const fact = (value: string | undefined) =>
    value === undefined ? undefined : { value, source: 'configuration.nix' };
  test.each([
    ['nixos', 'nixos', 'nixos'],
    ['nixos', 'nixos.example.org', 'nixos'],
    ['NixOS', 'nixos', 'NixOS'],
    ['nixos', 'laptop', undefined],
    [undefined, 'laptop', 'laptop'],
    ['box', undefined, 'box'],
    [undefined, undefined, undefined],
  ])('running %s, configured %s: %s', (running, configured, name) => {
    expect(nameOf(fact(running), fact(configured))?.value).toBe(name);
  });
});

describe('a spec as text', () => {
  const WORDS = [
    '1e3',
    '007',
    '0x1f',
    '0o7',
    '1_000',
    '12-30',
    'on',
    'On',
    'NO',
    'yes',
    'y',
    'n',
    'null',
    'Null',
    'true',
    'nan',
    'inf',
    'e3',
    'a-b',
    'x',
  ];
  test.each(['reflake.yaml', 'reflake.json'])(
    '%s is read back as it was meant, whatever YAML makes of a word',
    async (file) => {
      for (const word of WORDS) {
        const isInput = /^[a-z]/i.test(word);
        const spec: Spec = {
          version: 1,
          host: { name: word, system: 'x86_64-linux' },
          config: {
            path: `~/${word}`,
            from: '/etc/nixos',
            owner: isInput ? word : '1000:100',
            modules: ['./a b.nix', './#.nix', `./${word}.nix`],
          },
          inputs: {
            nixpkgs: 'github:NixOS/nixpkgs/nixos-24.05',
            ...(isInput && {
              [word]: {
                url: 'git+https://example.org/a?ref=b&dir=c',
                flake: false,
                follows: { [word]: 'nixpkgs', b: '' },
              },
            }),
          },
          features: ['nix-command', 'flakes'],
          git: 'track',
          activate: 'switch',
        };
        const loaded = await loadSpec(file, specText(file, spec, [{ wish: 'features: [a]\nb: c', because: 'no: #' }]));
        expect([loaded.diagnostics.map(({ summary }) => summary), loaded.ok && loaded.hosts.views[0].spec]).toEqual([
          [],
          spec,
        ]);
      }
    },
  );

  test('characters that turn or hide text stand nowhere in it', async () => {
    const odd = '\u202egithub:a/a\u{e0041}\u200b';
    const spec: Spec = { version: 1, host: { name: 'x', system: 'x86_64-linux' }, inputs: { a: odd } };
    const text = specText('reflake.yaml', spec, [{ wish: `inputs.b: ${odd}`, because: `"${odd}" is open` }]);
    expect(text).not.toMatch(/[\u202e\u200b\u{e0041}]/u);
    expect((await parseYaml(text)).ok && (await parseYaml(text))).toMatchObject({ value: { inputs: { a: odd } } });
  });

  test('what is left out takes with it what follows it', () => {
    const spec: Spec = {
      version: 1,
      host: { name: 'x', system: 'x86_64-linux' },
      config: { path: '/etc/nixos', owner: 'srid' },
      inputs: { a: 'github:a/a', b: { url: 'github:b/b', follows: { a: 'a', c: '' } } },
      features: ['flakes'],
    };
    const { spec: rest, leftOut } = leaveOut(spec, [
      { pointer: '/inputs/a', because: '1' },
      { pointer: '/features', because: '2' },
      { pointer: '/config/owner', because: '3' },
      { pointer: '/host/name', because: '4' },
    ]);
    expect(rest).toEqual({
      version: 1,
      host: spec.host,
      config: { path: '/etc/nixos' },
      inputs: { b: { url: 'github:b/b', follows: { c: '' } } },
    });
    expect(leftOut.map(({ because }) => because)).toEqual(['1', '2', '3']);
  });
});

test.each<readonly [Parameters<typeof problemWith>[0], string, boolean]>([
  ['name', 'laptop', true],
  ['name', 'my laptop', false],
  ['name', '-x', false],
  ['system', 'x86_64-linux', true],
  ['system', 'amd64', false],
  ['release', '24.05', true],
  ['release', 'new', false],
  ['user', 'srid', true],
  ['user', 'srid:users', true],
  ['user', 'sird', false],
  ['user', 'srid:nobody', false],
  ['path', '~/nixos-config', true],
  ['path', 'nixos-config', false],
])('the %s %j can stand in a spec: %j', async (what, answer, isRight) => {
  const names = people(hostOf(BASES.machines.fresh));
  expect((await problemWith(what, answer, names)) === undefined).toBe(isRight);
});
