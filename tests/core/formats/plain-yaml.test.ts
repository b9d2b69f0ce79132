// The quick reader of YAML against the package: where it does not give up, value and every place are the same.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parsePlainYaml } from '../../../core/formats/plain-yaml.ts';
import { parseYaml } from '../../../core/formats/yaml.ts';

/** Paths to every part of a value, and one that leads nowhere. */
function paths(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  const members = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return [path, [...path, 'nowhere'], ...members.flatMap(([name, member]) => paths(member, [...path, name]))];
}

async function expectSame(text: string): Promise<boolean> {
  const plain = parsePlainYaml(text);
  if (plain === undefined) return false;
  const full = await parseYaml(text);
  expect({ text, ok: full.ok }).toEqual({ text, ok: true });
  if (!full.ok) return true;
  expect({ text, value: plain.value }).toEqual({ text, value: full.value });
  for (const path of paths(full.value)) {
    const [ours, theirs] = [plain.placeOf(path), full.placeOf(path)];
    // The package counts a comment behind a map to the map.
    const isMap =
      theirs !== undefined && /^[A-Za-z]/.test(text.slice(theirs.value.start)) && ours?.value.end !== theirs.value.end;
    if (isMap && ours) expect(text.slice(ours.value.end, theirs.value.end)).toMatch(/^(?:\s|#.*)*$/);
    const place = isMap && ours ? { ...ours, value: { ...ours.value, end: theirs.value.end } } : ours;
    expect({ text, path, place }).toEqual({ text, path, place: theirs });
  }
  return true;
}

const SPEC = `# What this machine shall be.
version: 1

host:
  name: nixos  # nixosConfigurations.<name>
  system: x86_64-linux

config:
  path: ~/nixos-config
  modules: [./configuration.nix, ./b.nix]

inputs:
  nixpkgs: github:NixOS/nixpkgs/nixos-23.11
  home-manager:
    url: "github:nix-community/home-manager/release-23.11"
    flake: false
    follows: { nixpkgs: nixpkgs, a: b/c }

features: [ nix-command, flakes ]
lock: { maxAge: 30d }
git: track
`;

test('a spec as people write it is read', async () => {
  expect(await expectSame(SPEC)).toBe(true);
});

test.each([
  'a: b: c',
  'a: "x # y"',
  'a: &b c',
  'a: *b',
  'a: !!str b',
  'a: |\n  b',
  'a: - b',
  '- a',
  'a:\n- b',
  'a:\n  - b',
  '---\na: b',
  'a: b\n---\nc: d',
  'a:\tb',
  '\ta: b',
  'a: b\r\nc: d\r\n',
  'a: b\na: c',
  'a:',
  'a:\nb: c',
  'a:\n    b: c\n  d: e',
  'a: b\n  c',
  'a: 0x1F',
  'a: 1.5',
  'a: .inf',
  'a: ~',
  'a: null',
  "a: 'b'",
  'a: "\\n"',
  'a: [b',
  'a: {b: c',
  'a: [b: c]',
  'a: {b}',
  'a: []',
  'a: {}',
  'a: [,]',
  '%YAML 1.1\n---\na: off',
  'a: ä',
  'ä: a',
  '"a": b',
  '? a\n: b',
  '<<: { a: b }',
  '',
  '# only a comment',
  'a: b #c',
  'a: b#c',
  'a: #c',
  'a : b',
  'a:b',
  'a: b:',
  'a: 01',
  'a: +1',
  'a: @b',
  'a: b c',
])('what is not plain, or is, comes out the same: %j', async (text) => {
  await expectSame(text);
});

test('random lines of a spec, put together anyhow', async () => {
  const line = fc.constantFrom(
    ...SPEC.split('\n'),
    '  a: b',
    '    c: [d, e]',
    'x:',
    '  y:',
    '    z: { k: v }',
    'off: on',
    'n: 12',
    '  # c',
    'q: "r s"',
    'u: yes',
    '- i',
    '  t: 1e3',
    'a: b  ',
  );
  let read = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 12 }), async (lines) => {
      if (await expectSame(lines.join('\n'))) read++;
    }),
    { numRuns: 1500 },
  );
  expect(read).toBeGreaterThan(50);
});
