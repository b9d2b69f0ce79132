// The walk that hashes a tree: names of all bytes, files around the end of its buffer, no descriptor left open.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type NarNode, narHash } from '../../../../core/formats/nar/nar.ts';
import { hashTree } from '../../../../core/host/disk/nar-walk.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'nar-walk-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const fresh = (name: string): string => {
  const dir = join(root, name);
  mkdirSync(dir);
  return dir;
};
const nix = (dir: string | Buffer): string =>
  execFileSync('nix', ['--extra-experimental-features', 'nix-command', 'hash', 'path', '--sri', String(dir)], {
    encoding: 'utf8',
  }).trim();
const below = (dir: string, ...names: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from(dir), ...names.flatMap((name) => [Buffer.from('/'), name])]);

test('names that no string holds, or that strings sort otherwise', () => {
  const dir = fresh('names');
  const odd = Buffer.from([0x61, 0xff]);
  const names = ['b', 'é', 'a\uffff', 'a\u{1f600}', 'A', 'a.b', 'a-b', '\x7f'].map((name) => Buffer.from(name));
  mkdirSync(below(dir, odd));
  for (const name of [...names, Buffer.from([0x80])]) {
    writeFileSync(below(dir, name), name);
    writeFileSync(below(dir, odd, name), '', { mode: 0o755 });
  }
  symlinkSync(Buffer.from([0xfe, 0x2f, 0xc3, 0xa4]), below(dir, odd, Buffer.from('link')));
  mkdirSync(below(dir, Buffer.from('ü')));
  mkdirSync(below(dir, Buffer.from('ü'), Buffer.from('plain')));
  writeFileSync(below(dir, Buffer.from('ü'), Buffer.from('plain'), Buffer.from('file')), '1');
  expect(hashTree(dir)).toBe(nix(dir));
  // The root itself may be no ASCII either.
  expect(hashTree(join(dir, 'ü'))).toBe(nix(join(dir, 'ü')));
});

test('a link at the root is one, and a file is, whatever stands around it', () => {
  const dir = fresh('roots');
  writeFileSync(join(dir, 'file'), 'x', { mode: 0o755 });
  symlinkSync('file', join(dir, 'link'));
  expect(hashTree(join(dir, 'file'))).toBe(nix(join(dir, 'file')));
  expect(hashTree(join(dir, 'link'))).toBe(nix(join(dir, 'link')));
  expect(hashTree(join(dir, 'link'))).not.toBe(hashTree(join(dir, 'file')));
});

test('files around the size of what is hashed at once, behind one another', () => {
  const dir = fresh('sizes');
  const buffer = 1 << 18;
  const sizes = [1, buffer - 1, buffer, buffer + 1, 3, 2 * buffer, buffer / 2, buffer - 4000, 3 * buffer + 7, 0, 8];
  sizes.forEach((size, index) => {
    writeFileSync(join(dir, `${String.fromCharCode(97 + index)}`), Buffer.alloc(size, index + 1));
  });
  expect(hashTree(dir)).toBe(nix(dir));
});

test('contents that no text holds: every byte counts, wherever it stands', () => {
  const dir = fresh('contents');
  const content = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc
      .array(fc.constantFrom('\ufeff', '\ufffd', '\0', 'é', '\u{1f600}', '\r\n', 'a'))
      .map((parts) => Buffer.from(parts.join(''))),
    fc
      .constantFrom('efbbbf', 'c3', 'f09f98', 'eda080', 'c080', 'ff00', 'f4908080')
      .map((hex) => Buffer.from(hex, 'hex')),
  );
  let seen = 0;
  fc.assert(
    fc.property(fc.array(content, { minLength: 1, maxLength: 8 }), (contents) => {
      const tree = fresh(`contents/${seen++}`);
      const entries = contents.map((bytes, index) => {
        writeFileSync(join(tree, `${index}`), bytes);
        const node: NarNode = { type: 'file', executable: false, size: bytes.length, chunks: [bytes] };
        return [Buffer.from(`${index}`), node] as const;
      });
      expect(hashTree(tree)).toBe(narHash({ type: 'dir', entries: () => entries }));
    }),
  );
  expect(hashTree(dir)).toBe(nix(dir));
});

test('long names, long targets and nothing else: tokens that fill more than one buffer', () => {
  const dir = fresh('tokens');
  for (let index = 0; index < 400; index++) {
    const name = `${index}`.padStart(200, 'n');
    if (index % 2) symlinkSync('t'.repeat(4000), join(dir, name));
    else writeFileSync(join(dir, name), '');
  }
  expect(hashTree(dir)).toBe(nix(dir));
});

test('a file that ends before its size is an error, and nothing stays open behind one', () => {
  const open = () => readdirSync('/proc/self/fd').length;
  const before = open();
  // The kernel says of each of these that it has 4096 bytes.
  const shrunk = '/sys/kernel/uevent_seqnum';
  expect(() => hashTree(shrunk)).toThrow(
    expect.objectContaining({ code: 'NAR_SIZE', message: expect.stringMatching(/has \d+ bytes instead of 4096$/) }),
  );
  const dir = fresh('fifo');
  execFileSync('mkfifo', [join(dir, 'pipe')]);
  expect(() => hashTree(dir)).toThrow(expect.objectContaining({ code: 'NAR_UNSUPPORTED', path: Buffer.from('pipe') }));
  expect(() => hashTree(join(dir, 'none'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  expect(open()).toBe(before);
});

test('a level too many names its place, in bytes', () => {
  const dir = fresh('deep');
  mkdirSync(join(dir, 'ä/b'), { recursive: true });
  writeFileSync(join(dir, 'ä/b/c'), '');
  const path = Buffer.from('ä/b');
  expect(() => hashTree(dir, { depthLimit: 2 })).toThrow(expect.objectContaining({ code: 'NAR_TOO_DEEP', path }));
  expect(hashTree(dir, { depthLimit: 4 })).toBe(nix(dir));
});
