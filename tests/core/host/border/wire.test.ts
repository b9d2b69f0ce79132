// Another user's process writes the answers that cross the border: only bytes in the shape of an answer are taken for one.
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  type Answer,
  answerIn,
  entriesIn,
  entryIn,
  frame,
  HEAD,
  headIn,
  isName,
  listingOf,
  MOST_BYTES,
} from '../../../../core/host/border/wire.ts';

const roundTrip = (answer: Answer): Answer | undefined => {
  const bytes = Buffer.concat(frame(answer));
  const head = headIn(bytes.subarray(0, HEAD));
  return head && answerIn(head.kind, bytes.subarray(HEAD, HEAD + head.length));
};

test('every answer comes over as it is', () => {
  const answers = fc.oneof(
    fc.record({ kind: fc.constant('value' as const), value: fc.jsonValue() }),
    fc.record({ kind: fc.constant('bytes' as const), bytes: fc.uint8Array() }),
    fc.record({
      kind: fc.constant('problem' as const),
      problem: fc.record({ is: fc.constant('unreadable' as const), path: fc.string(), why: fc.string() }),
    }),
  );
  fc.assert(
    fc.property(answers, (answer) => {
      const got = roundTrip(answer);
      if (answer.kind === 'bytes') expect([...(got as typeof answer).bytes]).toEqual([...answer.bytes]);
      else expect(JSON.stringify(got)).toBe(JSON.stringify(answer));
    }),
  );
});

test('names that are bytes of no text come over', () => {
  const target = 'a\udc80b';
  expect(roundTrip({ kind: 'value', value: target })).toEqual({ kind: 'value', value: target });
});

test('a head of no kind, or of a length that nobody may ask for, is refused', () => {
  const head = (kind: number, length: number): Buffer => {
    const bytes = Buffer.alloc(HEAD);
    bytes.writeUInt8(kind, 0);
    bytes.writeUInt32LE(length, 1);
    return bytes;
  };
  expect(headIn(head(3, 0))).toBeUndefined();
  expect(headIn(head(1, MOST_BYTES + 1))).toBeUndefined();
  expect(headIn(head(1, MOST_BYTES))).toEqual({ kind: 'bytes', length: MOST_BYTES });
  expect(answerIn('value', Buffer.from('{'))).toBeUndefined();
  expect(answerIn('problem', Buffer.from('{"is":"unreadable"}'))).toBeUndefined();
});

const OWNER = { uid: 1000, gid: 100 };

test.each([
  ['a name that leads out', { table: [{ type: 'absent' }], names: [['..', 0]] }],
  ['a name with a slash', { table: [{ type: 'absent' }], names: [['a/b', 0]] }],
  ['no name', { table: [{ type: 'absent' }], names: [['', 0]] }],
  ['an entry that is not in the table', { table: [], names: [['a', 0]] }],
  ['no list', { table: {}, names: [] }],
  ['nothing', null],
])('a listing with %s is none', (_what, value) => {
  expect(entriesIn(value)).toBeUndefined();
});

test.each([
  ['a kind of its own', { type: 'door', mode: 0o644, owner: OWNER }],
  ['a mode beyond the twelve bits', { type: 'file', mode: 0o10000, owner: OWNER }],
  ['a negative id', { type: 'dir', mode: 0, owner: { uid: -1, gid: 0 } }],
  ['the id that chown(2) takes for "as it is"', { type: 'dir', mode: 0, owner: { uid: 0xffffffff, gid: 0 } }],
  ['a link to nowhere', { type: 'link', target: '', owner: OWNER }],
  ['a link with a NUL', { type: 'link', target: 'a\0', owner: OWNER }],
  ['text', 'file'],
])('an entry with %s is none', (_what, value) => {
  expect(entryIn(value)).toBeUndefined();
});

test('entries come over as they are', () => {
  const file = { type: 'file', mode: 0o644, owner: OWNER } as const;
  const shared = { ...file, hardLinked: true } as const;
  const entries = [
    { name: 'a', entry: file },
    { name: 'b', entry: shared },
    { name: 'c', entry: file },
    { name: 'd', entry: { type: 'other', what: 'fifo', mode: 0o600, owner: OWNER } as const },
    { name: 'e', entry: { type: 'link', target: '../x', owner: OWNER } as const },
  ];
  expect(entriesIn(JSON.parse(JSON.stringify(listingOf(entries))))).toEqual(entries);
  expect(isName('a')).toBe(true);
});
