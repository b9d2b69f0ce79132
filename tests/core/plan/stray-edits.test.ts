// The last guard before root writes: it lets every plan of the cases through, and of drawn changes to them none that leads
// beyond the wishes.

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { digestOf } from '../../../core/canonical.ts';
import type { Blobs, Host } from '../../../core/machine/host.ts';
import { type Digest, type Edit, type Owner, type Put, sameOwner } from '../../../core/model.ts';
import { type AbsPath, absolute, isWithin } from '../../../core/path.ts';
import { editsOf } from '../../../core/plan/edits.ts';
import { strayEdit } from '../../../core/plan/stray-edits.ts';
import { loadSpec } from '../../../core/spec/load.ts';
import { resolve, type Wishes } from '../../../core/spec/resolve.ts';
import { PROVIDERS } from '../../../providers/index.ts';
import { memoryScene } from '../../support/faults.ts';
import { machineOf, type NamedCase, planCases, planFor, RUN, specOf, toolsOf } from '../../support/plan-cases.ts';

interface Made {
  readonly name: string;
  readonly edits: readonly Edit[];
  readonly blobs: Blobs;
  readonly wishes: Wishes;
  readonly host: Host;
}

async function make(one: NamedCase): Promise<Made | undefined> {
  const literal = machineOf(one);
  const [name = ''] = (literal['/etc/hostname'] ?? []) as readonly string[];
  const host = memoryScene(literal, toolsOf(one), { name, system: 'x86_64-linux', machineId: '' }).open().host;
  const { plan } = await planFor(one, host);
  const edits = editsOf(plan?.steps ?? []);
  if (plan === undefined || edits.length === 0) return undefined;
  const loaded = await loadSpec('spec.json', specOf(one));
  const resolved = loaded.ok && resolve(loaded.hosts.views[0].spec, host, { ...RUN, ...one.run });
  return resolved !== false && resolved.ok
    ? { name: one.name, edits, blobs: plan.blobs, wishes: resolved.wishes, host }
    : undefined;
}

const MADE = (
  await Promise.all(
    planCases()
      .filter(({ tools }) => tools !== 'nix')
      .map(make),
  )
).filter((one): one is Made => one !== undefined);
const stray = ({ edits, blobs, wishes, host }: Made): Edit | undefined =>
  strayEdit(edits, blobs, wishes, host, PROVIDERS);

test('there are plans to ask about', () => {
  expect(MADE.length).toBeGreaterThan(20);
});

test.each(MADE.map((one) => [one.name, one] as const))('lets through: %s', (_name, one) => {
  expect(stray(one)).toBeUndefined();
});

const FRESH = MADE.find(({ name }) => name === 'location/moves-a-fresh-machine')!;
const MALLORY: Owner = { uid: 1001, gid: 1001 };
const EVIL = digestOf('[core]\n\tfsmonitor = /home/srid/evil\n');
const BLOBS: Blobs = { [EVIL]: Buffer.from('[core]\n\tfsmonitor = /home/srid/evil\n') };
const dirOf = ({ wishes }: Made): AbsPath => wishes.dir;
const file = (path: string, mode = 0o644, owner: Owner = { uid: 0, gid: 0 }): Put => ({
  op: 'put',
  path: absolute(path),
  before: { type: 'absent' },
  after: { type: 'file', content: EVIL, mode, owner },
});

describe('refused, whoever sealed it', () => {
  const tree = dirOf(FRESH);
  const owner = FRESH.wishes.owner!;
  test.each<[about: string, edit: Edit]>([
    ['root’s files', file('/root/.ssh/authorized_keys')],
    ['a job of cron', file('/etc/cron.d/index')],
    [
      'a parent that exists, given away',
      {
        op: 'put',
        path: absolute('/etc'),
        before: { type: 'dir', mode: 0o755, owner: { uid: 0, gid: 0 } },
        after: { type: 'dir', mode: 0o777, owner: MALLORY },
      },
    ],
    [
      '…and said to be missing',
      { op: 'put', path: absolute('/home'), before: { type: 'absent' }, after: { type: 'dir', mode: 0o755, owner } },
    ],
    [
      'a link in /etc/nix',
      {
        op: 'put',
        path: absolute('/etc/nix/nix.conf.d'),
        before: { type: 'absent' },
        after: { type: 'link', target: '/tmp/x', owner: { uid: 0, gid: 0 } },
      },
    ],
    ['another file in /etc/nix', file('/etc/nix/machines')],
    ['another move', { op: 'move', from: absolute('/root/.ssh'), to: absolute('/home/srid/x') }],
    ['a second move', { op: 'move', from: FRESH.wishes.from!, to: absolute('/var/lib/reflake/set-aside/nixos') }],
    ['a hook', file(`${tree}/.git/hooks/post-checkout`, 0o755, owner)],
    ['a configuration of git that runs something', file(`${tree}/.git/config`, 0o644, owner)],
    ['a new module', file(`${tree}/evil.nix`, 0o644, owner)],
    ['flake.nix of somebody else', file(`${tree}/flake.nix`, 0o644, MALLORY)],
    ['flake.nix that everybody can write', file(`${tree}/flake.nix`, 0o666, owner)],
    ['flake.nix with set-id bits', file(`${tree}/flake.nix`, 0o4755, owner)],
    [
      'a link in the tree',
      {
        op: 'put',
        path: absolute(`${tree}/result`),
        before: { type: 'absent' },
        after: { type: 'link', target: '/root', owner },
      },
    ],
    [
      'a file that goes away',
      {
        op: 'put',
        path: absolute(`${tree}/configuration.nix`),
        before: { type: 'file', mode: 0o644, owner },
        after: { type: 'absent' },
      },
    ],
    [
      'a set-id program that gets its owner',
      {
        op: 'put',
        path: absolute(`${tree}/x`),
        before: { type: 'file', mode: 0o4755, owner: MALLORY },
        after: { type: 'file', mode: 0o4755, owner },
      },
    ],
    [
      'an activation',
      {
        op: 'activate',
        mode: 'switch',
        target: { kind: 'flake', installable: `${tree}#x` },
        as: FRESH.wishes.person,
        before: {},
      },
    ],
  ])('%s', (_about, edit) => {
    expect(stray({ ...FRESH, edits: [...FRESH.edits, edit], blobs: { ...FRESH.blobs, ...BLOBS } })).toBeDefined();
  });

  test.each<[about: string, without: Partial<Wishes>, isAsked: (edit: Edit) => boolean]>([
    ['git', { git: false }, (edit) => edit.op === 'put' && edit.path.includes('/.git')],
    ['features', { features: undefined as never }, (edit) => edit.op === 'put' && edit.path.startsWith('/etc/nix/')],
    ['config.from', { from: undefined as never }, ({ op }) => op === 'move'],
    [
      'config.owner',
      { owner: undefined as never },
      (edit) =>
        edit.op === 'put' &&
        edit.before.type !== 'absent' &&
        'owner' in edit.after &&
        edit.before.owner.uid !== edit.after.owner.uid,
    ],
    ['channels', { retiresChannels: false }, (edit) => edit.op === 'put' && isChannel(edit.path)],
    [
      'config.link',
      { keepsLink: false },
      (edit) => edit.op === 'put' && edit.path === '/etc/nixos/flake.nix' && edit.after.type === 'link',
    ],
    ['activate', { activate: undefined as never }, ({ op }) => op === 'activate'],
  ])('what %s asks for, where it is not wished', (_about, without, isAsked) => {
    const asking = MADE.filter(({ edits }) => edits.some(isAsked));
    // No case activates: under --root nothing can be activated.
    if (without.activate === undefined && 'activate' in without) expect(asking).toEqual([]);
    else expect(asking.length).toBeGreaterThan(0);
    for (const one of asking) {
      const edits = one.edits.filter(isAsked).filter((edit) => !(edit.op === 'put' && edit.path.endsWith('.nix')));
      const wishes = { ...one.wishes, ...without };
      for (const edit of edits) expect(strayEdit([edit], one.blobs, wishes, one.host, PROVIDERS)).toBe(edit);
    }
  });
});

const isConf = (edit: Edit): boolean =>
  edit.op === 'put' && edit.path === '/etc/nix/nix.conf' && edit.after.type === 'file';

describe('nix.conf gets what the wished features need, byte for byte', () => {
  const one = MADE.find(({ edits }) => edits.some(isConf))!;
  const edit = one.edits.find(isConf) as Put;
  const planned = Buffer.from(one.blobs[(edit.after as { content: Digest }).content]!).toString('utf8');
  const withText = (text: string): Edit | undefined => {
    const content = digestOf(text);
    const changed: Put = { ...edit, after: { ...edit.after, content } as Put['after'] };
    return strayEdit([changed], { [content]: Buffer.from(text) }, one.wishes, one.host, PROVIDERS);
  };

  test('what was planned is let through', () => expect(withText(planned)).toBeUndefined());

  test.each([
    `${planned}trusted-users = root srid\n`,
    `trusted-users = root srid\n${planned}`,
    planned.replace('flakes', 'flakes ca-derivations'),
    planned.replace('flakes', 'flakes flakes'),
    planned.replace(/\n$/, ' # \u2028trusted-users = srid\n'),
    `${planned}include /home/srid/nix.conf\n`,
    `${planned} `,
    '',
  ])('anything else is refused: %j', (text) => expect(withText(text)).toBeDefined());
});

test('a changed plan that is let through stays inside', () => {
  const paths = [
    '/',
    '/etc',
    '/etc/shadow',
    '/etc/nix/nix.conf',
    '/etc/nix/x',
    '/home/srid',
    '/root/.ssh',
    '/home/srid/nixos-config/.git/hooks/x',
    '/home/srid/nixos-config/flake.nix',
    '/var/lib/reflake/set-aside/x',
  ];
  const change = fc.record(
    {
      path: fc.constantFrom(...paths).map(absolute),
      mode: fc.constantFrom(0o600, 0o644, 0o666, 0o755, 0o777, 0o4755, 0o2755),
      owner: fc.constantFrom<Owner>({ uid: 0, gid: 0 }, { uid: 1000, gid: 100 }, MALLORY),
      type: fc.constantFrom('file', 'dir', 'link', 'absent'),
    },
    { requiredKeys: [] },
  );
  let accepted = 0;
  fc.assert(
    fc.property(fc.constantFrom(...MADE), fc.nat(), change, (one, at, { path, mode, owner, type }) => {
      const index = at % one.edits.length;
      const old = one.edits[index]!;
      const changed = changedBy(old, { path, mode, owner, type });
      const edits = one.edits.map((edit, other) => (other === index ? changed : edit));
      if (strayEdit(edits, one.blobs, one.wishes, one.host, PROVIDERS) !== undefined) return;
      accepted++;
      for (const edit of edits) expect([edit, isInside(edit, one)]).toEqual([edit, true]);
    }),
    { numRuns: 5000 },
  );
  expect(accepted).toBeGreaterThan(50);
});

interface Change {
  readonly path: AbsPath | undefined;
  readonly mode: number | undefined;
  readonly owner: Owner | undefined;
  readonly type: string | undefined;
}

function changedBy(edit: Edit, { path, mode, owner, type }: Change): Edit {
  if (edit.op === 'move') return { ...edit, ...(path && { to: path }) };
  if (edit.op === 'activate') return edit;
  const after = { ...edit.after, ...(mode !== undefined && { mode }), ...(owner && { owner }), ...(type && { type }) };
  return {
    ...edit,
    ...(path && { path }),
    after: (type === 'link' ? { ...after, target: '/root' } : after) as Put['after'],
  };
}

/** A list of channels, a profile of them, or a link of nix-env's to one; root's or srid's. */
const isChannel = (path: string): boolean =>
  /^\/(root|home\/srid)\/(\.nix-channels|(\.nix-defexpr|\.local\/state\/nix\/defexpr)\/channels(_root)?|\.local\/state\/nix\/profiles\/channels(-\d+-link)?)$/.test(
    path,
  ) || /^\/nix\/var\/nix\/profiles\/per-user\/(root|srid)\/channels(-\d+-link)?$/.test(path);

/** The guard's rule written in another way: inside the places, the due owner, no more rights than before. */
function isInside(edit: Edit, { wishes, host }: Made): boolean {
  const { dir, from, owner } = wishes;
  if (edit.op === 'activate') return false;
  if (edit.op === 'move')
    return edit.from === from && (edit.to === dir || isWithin(edit.to, absolute('/var/lib/reflake')));
  const { path, before, after } = edit;
  if (after.type === 'absent') return wishes.retiresChannels && before.type === 'link' && isChannel(path);
  if (
    wishes.keepsLink &&
    dir !== '/etc/nixos' &&
    /^\/etc\/nixos(\/flake\.nix)?$/.test(path) &&
    before.type === 'absent'
  )
    return path === '/etc/nixos' ? after.type === 'dir' : after.type === 'link' && after.target === `${dir}/flake.nix`;
  if (wishes.retiresChannels && path.endsWith('/.nix-channels'))
    return (
      before.type === 'file' &&
      after.type === 'file' &&
      sameOwner(before.owner, after.owner) &&
      before.mode === after.mode
    );
  const isOwned = [
    owner?.uid,
    0,
    'owner' in before ? before.owner.uid : 0,
    'owner' in host.stat(dir) ? (host.stat(dir) as { owner: Owner }).owner.uid : 0,
  ];
  if (!isOwned.includes(after.owner.uid)) return false;
  if (
    'mode' in after &&
    after.type === 'file' &&
    (after.mode & 0o6002) !== 0 &&
    !('mode' in before && before.mode === after.mode)
  )
    return false;
  if (isWithin(path, dir)) return !path.includes('/hooks/') || !('content' in after && after.content);
  const repository = ['/.git/index', '/objects/'].some((part) => path.includes(part));
  if (after.type === 'dir') return host.stat(path).type === 'absent';
  return repository || path.endsWith('/index') || path.endsWith('.conf');
}
