// Diffs of planned bytes against their golden files.
import { describe, expect, test } from '@jest/globals';
import { themeOf } from '../../../cmd/report/colour.ts';
import { type DiffWords, planDiff } from '../../../cmd/report/diff.ts';
import { digestOf } from '../../../core/canonical.ts';
import type { Edit, Puttable } from '../../../core/model.ts';
import { absolute } from '../../../core/path.ts';
import { blobsOf, CONFIGURATION, EXAMPLE, file, inDir, nameOf, planOf } from './example.ts';
import { expectScreen, visible } from './golden.ts';

const theme = themeOf({ colour: false, ascii: false, columns: 80 });
const wordsOf = (files: Record<string, string | Uint8Array>): DiffWords => ({
  nameOf,
  contentOf: (path) => {
    const found = files[path];
    return found === undefined ? undefined : new Uint8Array(Buffer.from(found));
  },
});
const diffOf = (edits: Edit[], texts: string[], files: Record<string, string | Uint8Array> = {}) =>
  planDiff(planOf([{ provider: 'p', verdicts: [], findings: [], edits }], blobsOf(...texts)), wordsOf(files), theme);
const put = (name: string, before: Puttable, after: Puttable): Edit => ({
  op: 'put',
  path: inDir(name),
  before,
  after,
});
const ABSENT: Puttable = { type: 'absent' };

test('of the example: a moved file is read at its old place, a password is not shown', async () => {
  const diff = await planDiff(EXAMPLE, wordsOf({ '/etc/nixos/configuration.nix': CONFIGURATION }), theme);
  expectScreen('diff.txt', diff);
  expect(diff).not.toMatch(/hunter/);
});

describe('what is not text', () => {
  test('links, directories, modes, binaries, removals', async () => {
    const bytes = '\0\x01';
    const edits = [
      put(
        'link',
        { type: 'link', target: 'a', owner: { uid: 0, gid: 0 } },
        { type: 'link', target: 'b', owner: { uid: 0, gid: 0 } },
      ),
      put('dir', ABSENT, { type: 'dir', mode: 0o755, owner: { uid: 1000, gid: 100 } }),
      put('mode', file('x', undefined, 0o644), file('x', undefined, 0o755)),
      put('binary', file('a'), file(bytes)),
      put('gone', file('a\n'), ABSENT),
      put('no-newline', file('a\nb'), file('a\nb\n')),
    ];
    const files = { [inDir('binary')]: 'a', [inDir('gone')]: 'a\n', [inDir('no-newline')]: 'a\nb' };
    expectScreen('diff-other.txt', await diffOf(edits, [bytes, 'a\nb\n'], files));
  });

  test('private files and private keys are masked; whether they change is not', async () => {
    const key = '-----BEGIN OPENSSH PRIVATE KEY-----\nabc\n';
    const edits = [
      put('0600', file('old', undefined, 0o600), file('new', undefined, 0o600)),
      put('key', ABSENT, file(key)),
      put('opened', file('same', undefined, 0o600), { ...file('same'), mode: 0o644 } as Puttable),
      put('nix.conf', file('access-tokens = github.com=ghp_a\n'), file('access-tokens = github.com=ghp_a\nx = 1\n')),
    ];
    const files = {
      [inDir('0600')]: 'old',
      [inDir('opened')]: 'same',
      [inDir('nix.conf')]: 'access-tokens = github.com=ghp_a\n',
    };
    const diff = await diffOf(edits, ['new', key, 'same', 'access-tokens = github.com=ghp_a\nx = 1\n'], files);
    expectScreen('diff-secret.txt', diff);
    expect(diff).not.toMatch(/old$|abc|ghp_a|OPENSSH/m);
  });
});

test('a secret that stays on a changed line is called unchanged', async () => {
  const line = (name: string) => `services.x = { ${name} = 1; password = "geheim"; };\n`;
  const diff = await diffOf([put('a.nix', file(line('a')), file(line('b')))], [line('b')], {
    [inDir('a.nix')]: line('a'),
  });
  expect(diff.split('\n').slice(-2)).toEqual([
    '-services.x = { a = 1; password = "(secret, unchanged)"; };',
    '+services.x = { b = 1; password = "(secret, unchanged)"; };',
  ]);
});

test('a thousand paths that change owner are said once', async () => {
  const edits = Array.from({ length: 1000 }, (_, n) =>
    put(
      `f${String(n).padStart(4, '0')}`,
      { type: 'file', mode: 0o644, owner: { uid: 0, gid: 0 } },
      { type: 'file', mode: 0o644, owner: { uid: 1000, gid: 100 } },
    ),
  );
  const diff = await diffOf(edits, []);
  expect(diff.split('\n')).toHaveLength(13);
  expect(diff).toContain('and 990 more paths');
});

test("git's own files are named, not shown", async () => {
  const edits = [
    put('.git', ABSENT, { type: 'dir', mode: 0o755, owner: { uid: 1000, gid: 100 } }),
    put('.git/HEAD', ABSENT, file('ref: refs/heads/main\n')),
    put('.git/config', ABSENT, file('[core]\n')),
    put('.git/index', file('DIRC1'), file('DIRC2')),
  ];
  const diff = await diffOf(edits, ['ref: refs/heads/main\n', '[core]\n', 'DIRC2'], { [inDir('.git/index')]: 'DIRC1' });
  expectScreen('diff-git.txt', diff);
});

test('texts with nothing in common are replaced whole, not compared for seconds', async () => {
  const text = (word: string) => Array.from({ length: 6000 }, (_, n) => `${word}${n}\n`).join('');
  const diff = await diffOf([put('big', file(text('a')), file(text('b')))], [text('b')], { [inDir('big')]: text('a') });
  expect(diff.split('\n').at(-1)).toBe('replaced whole: 6000 → 6000 lines');
});

test('what changed since, or cannot be read, is not shown as something else', async () => {
  const diff = await diffOf([put('a', file('planned'), file('b'))], ['b'], { [inDir('a')]: 'other' });
  expect(diff).toBe(`diff ${inDir('a')}\nthe contents could not be read`);
});

test('text of others is shown, not obeyed', async () => {
  const text = 'a\u001b[2J\tb\r\u202e\n';
  const diff = await planDiff(
    planOf(
      [
        {
          provider: 'p',
          verdicts: [],
          findings: [],
          edits: [{ op: 'put', path: absolute('/a\u001b'), before: ABSENT, after: file(text) }],
        },
      ],
      {
        [digestOf(text)]: new Uint8Array(Buffer.from(text)),
      },
    ),
    wordsOf({}),
    theme,
  );
  expect(visible(diff)).toBe(diff);
  expect(diff.split('\n').at(-1)).toBe('+a\\e[2J\tb\\r\\u{202e}');
});
