// Tests whom root believes: a spec, a saved plan, a cache of the program that somebody other than root and the caller
// can write makes root do nothing.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { digestOf, digestOfJson } from '../../core/canonical.ts';
import { buildOf, cacheOf } from '../support/cache-file.ts';
import { BASES, type Ground, ground, HOME, MARK, OTHER, PROGRAM, type Ran, SRID, specWith, TREE } from './ground.ts';
import type { Leaf } from './lay.ts';

let place: Ground;
beforeEach(async () => {
  place = await ground('', BASES.own);
});
afterEach(() => place.remove());

/** A spec of the person's that would give him root's key. */
const GREEDY = specWith({ config: { path: '~/loot', from: '/root/.ssh', owner: 'srid', modules: ['./id'] } });

const noHarm = (...said: readonly Ran[]): void => expect(place.harm(said)).toEqual([]);

describe('a spec', () => {
  const open = { dir: 0o1777 } as const;
  test.each<readonly [string, 'root' | 'sudo', string, Readonly<Record<string, Leaf>>]>([
    [
      'of the person, found upwards by root',
      'root',
      `${HOME}/project/sub`,
      { [`${HOME}/project/sub`]: { dir: 0o755, by: SRID }, [`${HOME}/reflake.json`]: { text: GREEDY, by: SRID } },
    ],
    [
      'of the third user, found upwards by sudo',
      'sudo',
      '/srv/theirs/sub',
      { '/srv/theirs/sub': { dir: 0o755, by: OTHER }, '/srv/theirs/reflake.json': { text: GREEDY, by: OTHER } },
    ],
    [
      'of the third user in a sticky directory',
      'sudo',
      '/tmp/open',
      { '/tmp/open': open, '/tmp/open/reflake.json': { text: GREEDY, by: OTHER } },
    ],
    [
      'above a sticky directory, by a link',
      'sudo',
      '/tmp/open',
      {
        '/tmp/open': open,
        '/home/other/spec.json': { text: GREEDY, by: OTHER },
        '/tmp/open/reflake.json': { link: '/home/other/spec.json', by: OTHER },
      },
    ],
    ["of root's that others can write", 'root', '/opt/w', { '/opt/w/reflake.json': { text: GREEDY, mode: 0o666 } }],
    [
      "of root's that a group can write",
      'root',
      '/opt/w',
      { '/opt/w/reflake.json': { text: GREEDY, mode: 0o664, by: { uid: 0, gid: 100 } } },
    ],
    [
      "of root's in a directory that others can write",
      'root',
      '/opt/w',
      { '/opt/w': { dir: 0o777 }, '/opt/w/reflake.json': { text: GREEDY } },
    ],
  ])(
    '%s',
    async (_name, caller, cwd, layout) => {
      place.lay(layout);
      place.begin();
      const said = [await place.run(['plan'], { caller, cwd }), await place.run(['apply', '--yes'], { caller, cwd })];
      noHarm(...said);
      for (const { code } of said) expect(code).not.toBe(0);
    },
    120_000,
  );

  test('of the person, named by root', async () => {
    place.lay({ [`${HOME}/s.json`]: { text: GREEDY, by: SRID } });
    place.begin();
    const ran = await place.run(['apply', '--yes', '--spec', `${HOME}/s.json`], { caller: 'root' });
    noHarm(ran);
    expect(ran.code).not.toBe(0);
  }, 120_000);

  test('that is a link to a secret says nothing of it', async () => {
    place.lay({ [`${HOME}/reflake.yaml`]: { link: '/etc/shadow', by: SRID } });
    place.begin();
    noHarm(await place.run(['plan'], { cwd: HOME }), await place.run(['plan', '--spec', '/etc/shadow'], { cwd: HOME }));
  }, 120_000);

  test('that is a FIFO is not waited for', async () => {
    place.lay({ [`${HOME}/reflake.yaml`]: { nod: 'fifo', by: SRID } });
    place.begin();
    noHarm(await place.run(['plan'], { cwd: HOME }));
  }, 120_000);

  test('init and --out write nothing where the person could not', async () => {
    place.lay({
      [`${HOME}/out`]: { link: '/etc/cron.d', by: SRID },
      [`${HOME}/plan.json`]: { link: '/etc/cron.d/plan', by: SRID },
    });
    place.begin();
    const said = [
      await place.run(['init', '--yes', '--spec', `${HOME}/out/job`]),
      await place.run(['plan', '--spec', place.spec, '--out', `${HOME}/out/job`]),
      await place.run(['plan', '--spec', place.spec, '--out', `${HOME}/plan.json`]),
      await place.run(['init', '--yes', '--spec', '/etc/cron.d/job']),
      await place.run(['plan', '--spec', place.spec, '--out', '/etc/cron.d/job']),
    ];
    noHarm(...said);
  }, 240_000);
});

describe('a saved plan, sealed anew', () => {
  type Steps = { edits: unknown[] }[];
  const owner = { uid: 1000, gid: 100 };
  const rootDir = (mode: number) => ({ type: 'dir', mode, owner: { uid: 0, gid: 0 } });
  test.each<readonly [string, readonly unknown[]]>([
    ['moves a secret to his home', [{ op: 'move', from: '/root/.ssh', to: `${HOME}/loot` }]],
    ['moves a secret into his tree', [{ op: 'move', from: '/root/.ssh', to: `${TREE}/loot` }]],
    [
      'gives him a parent of a place',
      [{ op: 'put', path: '/etc', before: rootDir(0o755), after: { type: 'dir', mode: 0o755, owner } }],
    ],
    ['opens a parent of a place', [{ op: 'put', path: '/etc', before: rootDir(0o755), after: rootDir(0o777) }]],
    ['opens the parent of the homes', [{ op: 'put', path: '/home', before: rootDir(0o755), after: rootDir(0o777) }]],
    [
      'opens the parent of nix.conf',
      [{ op: 'put', path: '/etc/nix', before: rootDir(0o755), after: { type: 'dir', mode: 0o777, owner } }],
    ],
    [
      'makes a file in a closed directory',
      [
        {
          op: 'put',
          path: '/etc/cron.d/job',
          before: { type: 'absent' },
          after: { type: 'file', mode: 0o644, owner, content: digestOf('x\n') },
        },
      ],
    ],
    [
      'goes through a link in /etc/nix',
      [
        {
          op: 'put',
          path: '/etc/nix/way',
          before: { type: 'absent' },
          after: { type: 'link', target: '/etc/cron.d', owner: { uid: 0, gid: 0 } },
        },
        {
          op: 'put',
          path: '/etc/nix/way/job',
          before: { type: 'absent' },
          after: { type: 'file', mode: 0o644, owner, content: digestOf('x\n') },
        },
      ],
    ],
    [
      'goes through a link of his',
      [
        {
          op: 'put',
          path: `${TREE}/way/job`,
          before: { type: 'absent' },
          after: { type: 'file', mode: 0o644, owner, content: digestOf('x\n') },
        },
      ],
    ],
  ])(
    '%s',
    async (_name, edits) => {
      place.lay({ [`${TREE}/way`]: { link: '/etc/cron.d', by: SRID } });
      place.begin();
      const parents = place.machine.dir;
      const file = `${HOME}/plan.json`;
      const made = await place.run(['plan', '--spec', place.spec, '--out', file]);
      expect(made).toMatchObject({ code: 0 });
      const { id: _, ...plan } = JSON.parse(readFileSync(parents + file, 'utf8')) as {
        id: string;
        steps: Steps;
        blobs: Record<string, string>;
      };
      plan.steps[0]!.edits.push(...edits);
      plan.blobs[digestOf('x\n')] = Buffer.from('x\n').toString('base64');
      writeFileSync(parents + file, JSON.stringify({ ...plan, id: digestOfJson(plan) }));
      const ran = await place.run(['apply', file, '--yes', '--spec', place.spec]);
      noHarm(made, ran);
      expect(ran.code).not.toBe(0);
      expect(readdirSync(`${parents}/etc/nix`)).toEqual(['nix.conf']);
    },
    120_000,
  );
});

describe('the cache of the program', () => {
  const DIR = '/opt/open';
  const CACHE = `${DIR}/reflake.cache`;
  /** A cache with the right name of the build that holds another program. */
  function evil(): string {
    const text = readFileSync(`${place.machine.dir}${PROGRAM}`, 'latin1');
    const source = `require('node:fs').writeFileSync('/tmp/ran-'+process.geteuid(),'${MARK.slice(0, 3)}');process.exit(0)`;
    return cacheOf(buildOf(text), source).toString('latin1');
  }
  const ran = (): readonly string[] =>
    readdirSync(`${place.machine.dir}/tmp`).filter((name) => name.startsWith('ran-'));

  async function carriedOut(leaf: (text: string) => Leaf, dirMode: number): Promise<readonly string[]> {
    place.lay({ [DIR]: { dir: dirMode }, [`${DIR}/reflake.cjs`]: { text: '' } });
    writeFileSync(`${place.machine.dir}${DIR}/reflake.cjs`, readFileSync(`${place.machine.dir}${PROGRAM}`));
    place.lay({ [`${HOME}/evil.cache`]: { text: evil(), by: SRID }, [CACHE]: leaf(evil()) });
    place.begin();
    noHarm(await place.run(['plan', '--spec', place.spec], { program: `${DIR}/reflake.cjs` }));
    return ran();
  }

  test('the trap snaps where root made it', async () => {
    expect(await carriedOut((text) => ({ text }), 0o755)).toEqual(['ran-0']);
  }, 60_000);

  test.each<readonly [string, (text: string) => Leaf, number]>([
    ["another user's, in a sticky directory", (text) => ({ text, by: SRID }), 0o1777],
    ["root's, but open to others", (text) => ({ text, mode: 0o666 }), 0o755],
    ["root's, in a directory that others can write", (text) => ({ text }), 0o777],
    ["a link of another user's", () => ({ link: `${HOME}/evil.cache`, by: SRID }), 0o1777],
    ["root's link to a file of another user's", () => ({ link: `${HOME}/evil.cache` }), 0o755],
    ["another user's FIFO", () => ({ nod: 'fifo', by: SRID }), 0o1777],
  ])('%s', async (_name, leaf, mode) => expect(await carriedOut(leaf, mode)).toEqual([]), 120_000);
});
