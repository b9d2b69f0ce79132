// The writer of NARs: what no tree on a disk of a test brings about.
import { expect, test } from '@jest/globals';
import { writeNar } from '../../../../core/formats/nar/nar.ts';
import { narWriter } from '../../../../core/formats/nar/writer.ts';

const collected = (write: (sink: (bytes: Uint8Array) => void) => void) => {
  const pieces: Buffer[] = [];
  write((bytes) => pieces.push(Buffer.from(bytes)));
  return pieces;
};

test('a size has 64 bits', () => {
  for (const size of [
    0,
    255,
    256,
    0x8000_0001,
    2 ** 32 - 1,
    2 ** 32,
    5 * 2 ** 40 + 0xfedc_ba98,
    Number.MAX_SAFE_INTEGER,
  ]) {
    const [head] = collected((sink) => {
      const out = narWriter(sink);
      out.file(false, size);
      out.flush();
    });
    expect(head!.readBigUInt64LE(head!.length - 8)).toBe(BigInt(size));
  }
});

test('a target larger than what is handed on at once is whole', () => {
  const target = Buffer.alloc((1 << 18) + 5, 'ab');
  const nar = Buffer.concat(collected((sink) => writeNar({ type: 'link', target }, sink)));
  const at = nar.indexOf('target') + 8;
  expect(nar.readBigUInt64LE(at)).toBe(BigInt(target.length));
  expect(nar.subarray(at + 8, at + 8 + target.length).equals(target)).toBe(true);
  expect(nar.subarray(at + 8 + target.length).toString('latin1')).toBe('\0\0\0\x01\0\0\0\0\0\0\0)\0\0\0\0\0\0\0');
});

test('many small files are handed on in a few pieces, none of them large', () => {
  const content = Buffer.alloc(1000, 'x');
  const entries = Array.from({ length: 2000 }, (_, index) => {
    const name = Buffer.from(`${index}`.padStart(5, '0'));
    return [name, { type: 'file', executable: false, size: 1000, chunks: [content] }] as const;
  });
  const pieces = collected((sink) => writeNar({ type: 'dir', entries: () => entries }, sink));
  expect(pieces.length).toBeLessThan(20);
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(1 << 18);
});
