// The laws of comparing two systems: what is planted is found where it was planted, and nothing else.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseDerivation } from '../../../core/formats/derivation/derivation.ts';
import { storeName, versioned, withoutHashes } from '../../../core/formats/derivation/store-name.ts';
import { causesOf, sourcesToRead } from '../../../core/proof/causes.ts';
import type { Cause } from '../../../core/proven.ts';
import { hashOf, type Planned, printDerivation, readerOf, type System, systemOf } from './systems.ts';

const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constant('a\\"b\n\r\t\\'),
);
const word = fc.stringMatching(/^[a-z]{1,8}$/);

describe('a .drv file', () => {
  const derivation = fc.record({
    outputs: fc
      .uniqueArray(word, { maxLength: 3 })
      .map((names) => new Map(names.map((one) => [one, { path: one, algorithm: '', hash: '' }]))),
    inputs: fc.uniqueArray(word, { maxLength: 3 }).map((names) => new Map(names.map((one) => [one, ['out', one]]))),
    sources: fc.array(text, { maxLength: 3 }),
    system: text,
    builder: text,
    args: fc.array(text, { maxLength: 3 }),
    env: fc.array(fc.tuple(text, text), { maxLength: 4 }).map((pairs) => new Map(pairs)),
  });

  test('is read as it was written', () =>
    fc.assert(
      fc.property(derivation, (one) => {
        expect(parseDerivation(printDerivation(one))).toEqual({ ok: true, derivation: one });
      }),
    ));

  test('cut off anywhere, or with more behind it, it is refused with a place', () =>
    fc.assert(
      fc.property(derivation, fc.nat(), (one, number) => {
        const whole = printDerivation(one);
        const read = parseDerivation(whole.slice(0, number % whole.length));
        expect(read).toMatchObject({ ok: false, at: expect.any(Number) });
        expect(parseDerivation(`${whole} `)).toEqual({ ok: false, at: whole.length, expected: 'the end' });
      }),
    ));

  test('with a version in front is refused', () =>
    expect(parseDerivation('DrvWithVersion("xp-dyn-drv",[],[])')).toEqual({ ok: false, at: 0, expected: 'Derive(' }));
});

test.each([
  ['firefox-141.0', 'firefox', '141.0'],
  ['nixos-system-nixos-23.11.2962.057f9aecfb71', 'nixos-system-nixos', '23.11.2962.057f9aecfb71'],
  ['unit-sshd.service', 'unit-sshd.service', ''],
  ['etc', 'etc', ''],
])('%s is %s in version "%s"', (full, name, version) => expect(versioned(full)).toEqual({ name, version }));

test('a text without hashes names what it names', () => {
  const path = `/nix/store/${hashOf('a')}-bash-5.2`;
  expect(withoutHashes(`x ${path}/bin /${'0'.repeat(52)}`, (name) => `<${name}>`)).toBe('x <bash-5.2>/bin /…');
  expect(storeName(`${path}.drv`)).toBe('bash-5.2');
});

/** Systems in which each derivation but the first needs some that stand before it, and the top all that nobody needs. */
const planned = fc
  .array(fc.record({ needs: fc.array(fc.nat(), { maxLength: 4 }), value: fc.string({ maxLength: 6 }) }), {
    minLength: 1,
    maxLength: 25,
  })
  .map((many): readonly Planned[] => {
    const some = many.map(
      ({ needs, value }, index): Planned => ({
        name: `part-${'abcdefghijklmnopqrstuvwxyz'[index]}`,
        needs: index === 0 ? [] : [...new Set(needs.map((one) => `part-${'abcdefghijklmnopqrstuvwxyz'[one % index]}`))],
        env: { value },
      }),
    );
    const needed = new Set(some.flatMap(({ needs }) => needs));
    const free = some.map(({ name }) => name).filter((name) => !needed.has(name));
    return [...some, { name: 'top', needs: free, env: {} }];
  });

const causes = (from: System, to: System): readonly Cause[] =>
  causesOf({ from: from.top, to: to.top }, readerOf(from, to));
const changed = (all: readonly Planned[], at: number, how: (one: Planned) => Planned): readonly Planned[] =>
  all.map((one, index) => (index === at ? how(one) : one));

describe('two systems', () => {
  test('of which nothing differs have no cause', () =>
    fc.assert(fc.property(planned, (all) => expect(causes(systemOf(all), systemOf(all))).toEqual([]))));

  test('of which one derivation differs have that cause alone, with the way to it and all that stands on it', () =>
    fc.assert(
      fc.property(planned, fc.nat(), (all, number) => {
        const at = number % all.length;
        const { name } = all[at]!;
        const later = changed(all, at, (one) => ({ ...one, env: { ...one.env, planted: 'now' } }));
        const [cause, ...others] = causes(systemOf(all), systemOf(later));
        expect(others).toEqual([]);
        expect(cause!.change).toEqual({ kind: 'text', member: 'env.planted', lines: { went: [''], came: ['now'] } });
        expect(cause!.way.at(-1)).toBe(name === 'top' ? undefined : name);
        const standing = new Set([name]);
        for (const { name: other, needs } of all) if (needs.some((one) => standing.has(one))) standing.add(other);
        expect(cause!.reach).toBe(standing.size);
        expect(cause!.places).toBe(1);
      }),
    ));

  test('seen from the other side have the same causes, turned around', () =>
    fc.assert(
      fc.property(planned, fc.array(fc.nat(), { maxLength: 4 }), (all, numbers) => {
        const later = numbers.reduce<readonly Planned[]>(
          (some, number) =>
            changed(some, number % all.length, (one) => ({ ...one, env: { ...one.env, [`v${number % 3}`]: 'x' } })),
          all,
        );
        const [one, other] = [systemOf(all), systemOf(later)];
        const turned = causes(other, one).map(({ change, ...rest }) => ({
          ...rest,
          change:
            change.kind === 'text'
              ? { ...change, lines: { went: change.lines.came, came: change.lines.went } }
              : change,
        }));
        const there = causes(one, other);
        expect(new Set(turned.map((cause) => JSON.stringify(sorted(cause))))).toEqual(
          new Set(there.map((cause) => JSON.stringify(sorted(cause)))),
        );
        expect(one.top === other.top).toBe(there.length === 0);
        for (const [index, { reach }] of there.entries())
          expect(reach).toBeLessThanOrEqual(there[index - 1]?.reach ?? reach);
      }),
    ));
});

/** Keys in one order, and without the way, of which several may be shortest. */
const sorted = ({ change, places, reach }: Cause): unknown => [
  Object.entries(change)
    .map(([key, value]) => [key, typeof value === 'object' ? Object.entries(value).sort() : value])
    .sort(),
  places,
  reach,
];

describe('what a cause says', () => {
  const base: readonly Planned[] = [
    { name: 'glibc-2.40', needs: [], env: {} },
    { name: 'sshd_config', needs: [], env: { text: 'Port 22\nPermitRootLogin no\n' } },
    { name: 'unit-sshd.service', needs: ['sshd_config'], env: {} },
    { name: 'firefox-141.0', needs: ['glibc-2.40'], env: { src: 'a' } },
    { name: 'etc', needs: ['unit-sshd.service'], env: {} },
    { name: 'system-path', needs: ['firefox-141.0'], env: {} },
    { name: 'top', needs: ['etc', 'system-path'], env: { nixpath: 'a' } },
  ];
  const told = (later: readonly Planned[]): readonly Cause[] => causes(systemOf(base), systemOf(later));
  const renamed = (all: readonly Planned[], from: string, to: string): readonly Planned[] =>
    all.map((one) => ({
      ...one,
      name: one.name === from ? to : one.name,
      needs: one.needs.map((need) => (need === from ? to : need)),
    }));

  test('the lines of a text, and the way to it', () => {
    const later = changed(base, 1, (one) => ({ ...one, env: { text: 'Port 22\nPermitRootLogin yes\n' } }));
    expect(told(later)).toEqual([
      {
        change: {
          kind: 'text',
          member: 'env.text',
          lines: { went: ['PermitRootLogin no'], came: ['PermitRootLogin yes'] },
        },
        way: ['etc', 'unit-sshd.service', 'sshd_config'],
        places: 1,
        reach: 4,
      },
    ]);
  });

  test('a package in another version, and nothing of what is made of it', () =>
    expect(told(renamed(base, 'firefox-141.0', 'firefox-142.0'))).toEqual([
      {
        change: { kind: 'version', name: 'firefox', from: '141.0', to: '142.0' },
        way: ['system-path'],
        places: 1,
        reach: 2,
      },
    ]));

  test('the most general first', () => {
    const later = changed(renamed(base, 'glibc-2.40', 'glibc-2.41'), 6, (one) => ({ ...one, env: { nixpath: 'b' } }));
    expect(told(later).map(({ change, reach }) => [change.kind, reach])).toEqual([
      ['version', 3],
      ['text', 1],
    ]);
  });

  test('an input that came', () => {
    const later = [
      { name: 'htop-3', needs: [], env: {} },
      ...changed(base, 5, (one) => ({ ...one, needs: [...one.needs, 'htop-3'] })),
    ];
    expect(told(later)).toEqual([
      { change: { kind: 'inputs', went: [], came: ['htop-3'] }, way: ['system-path'], places: 1, reach: 2 },
    ]);
  });

  test('the same change in several places, once', () => {
    const later = base.map((one) =>
      /^unit|^etc/.test(one.name) ? { ...one, env: { NIX_PATH: 'nixpkgs=flake:nixpkgs' } } : one,
    );
    expect(told(later)).toMatchObject([{ change: { member: 'env.NIX_PATH' }, places: 2, way: ['etc'], reach: 3 }]);
  });

  test('a source, with its lines where they were read', () => {
    const [old, fresh] = [`/nix/store/${hashOf('1')}-motd`, `/nix/store/${hashOf('2')}-motd`];
    const sourced = (source: string): System => systemOf(changed(base, 4, (one) => ({ ...one, sources: [source] })));
    const [one, other] = [sourced(old), sourced(fresh)];
    const top = { from: one.top, to: other.top };
    expect(causes(one, other)).toMatchObject([{ change: { kind: 'source', name: 'motd' }, way: ['etc'] }]);
    expect(sourcesToRead(top, readerOf(one, other))).toEqual([{ from: old, to: fresh }]);
    const texts: Readonly<Record<string, string>> = { [old]: 'a\nb\n', [fresh]: 'a\nc\n' };
    expect(causesOf(top, readerOf(one, other), (path) => texts[path])).toMatchObject([
      { change: { kind: 'source', name: 'motd', lines: { went: ['b'], came: ['c'] } } },
    ]);
  });

  test('of several of one name those that are alike belong together', () => {
    const many = (value: string): System =>
      systemOf([
        { name: 'source#1', needs: [], env: { url: 'one', hash: value } },
        { name: 'source#2', needs: [], env: { url: 'two', hash: value } },
        { name: 'top', needs: ['source#1', 'source#2'], env: {} },
      ]);
    const [cause, ...others] = causes(many('1'), many('2'));
    expect(others).toEqual([]);
    expect(cause).toMatchObject({ change: { member: 'env.hash', lines: { went: ['1'], came: ['2'] } }, places: 2 });
  });

  test('a file from another address with the same hash is no difference, and hides none', () => {
    const from = (url: string, motd: string): System =>
      systemOf([
        { name: 'hello.tar.gz', needs: [], env: { url }, fixed: '01' },
        { name: 'hello', needs: ['hello.tar.gz'], env: {} },
        { name: 'top', needs: ['hello', 'hello.tar.gz'], env: { motd } },
      ]);
    expect(from('a', '').top).not.toBe(from('b', '').top);
    expect(causes(from('a', ''), from('b', ''))).toEqual([]);
    expect(causes(from('a', '1'), from('b', '2'))).toMatchObject([{ change: { member: 'env.motd' }, way: [] }]);
  });

  test('a derivation that was not read is unknown, not the same', () => {
    const [one, other] = [systemOf(base), systemOf(changed(base, 1, (some) => ({ ...some, env: { text: '' } })))];
    const without = readerOf(other);
    const [cause] = causesOf({ from: one.top, to: other.top }, without);
    expect(cause).toMatchObject({ change: { kind: 'unknown' }, way: [] });
  });
});
