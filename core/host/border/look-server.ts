// The person's side of the border: answers looks over two pipes, with the ids that it was started with and no rights of
// root's. It ends when root closes its end.

import { readSync, writeSync } from 'node:fs';
import { isNarProblem } from '../../formats/nar/nar.ts';
import { isUnreadable } from '../../machine/reader.ts';
import { type AbsPath, absolute } from '../../path.ts';
import { places } from '../disk/disk-paths.ts';
import { look } from '../disk/look.ts';
import { waypoint } from '../disk/way.ts';
import { leftOfUser, removeLeftOfUser } from '../left.ts';
import { readUserFile, writeUserFile } from '../surroundings.ts';
import { heldLook } from '../work/held-look.ts';
import { type Answer, frame, listingOf, type Request } from './wire.ts';

const REQUESTS = 3;
const ANSWERS = 4;

/** Returns when the other side has closed its pipe. The working directory is the machine's `/`. */
export function serveLooks(): void {
  const answer = answers();
  let rest = '';
  for (const chunk of chunks()) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) send(answer(JSON.parse(line) as Request));
  }
}

/** Decodes as a stream, because a read(2) may end in the middle of a character. */
function* chunks(): Generator<string> {
  const decoder = new TextDecoder();
  const buffer = Buffer.allocUnsafe(1 << 16);
  for (;;) {
    const got = readSync(REQUESTS, buffer, 0, buffer.length, null);
    if (got === 0) return;
    yield decoder.decode(buffer.subarray(0, got), { stream: true });
  }
}

function send(answer: Answer): void {
  for (const part of frame(answer)) {
    for (let done = 0; done < part.length; ) done += writeSync(ANSWERS, part, done);
  }
}

function answers(): (request: Request) => Answer {
  const where = places(process.cwd() === '/' ? absolute('/') : ('.' as AbsPath));
  const looks = look(where);
  // The way to the machine may be shut to us: we stand in it.
  const held = heldLook(absolute('/proc/self/cwd'));
  const value = (found: unknown): Answer => ({ kind: 'value', value: found });
  const path = (word: unknown): AbsPath => absolute(String(word));
  const act = ([op, ...rest]: Request): Answer => {
    const [first, second, third] = rest;
    switch (op) {
      case 'stat':
        return value(looks.stat(path(first)));
      case 'read': {
        const bytes = looks.read(path(first), typeof second === 'number' ? second : undefined);
        return bytes === undefined ? value(null) : { kind: 'bytes', bytes };
      }
      case 'list':
        return value(looks.list(path(first)));
      case 'entries':
        return value(listingOf(looks.entries(path(first))));
      case 'isOwned':
        return value(looks.isOwned(path(first), second as Parameters<typeof looks.isOwned>[1]));
      case 'writtenAt':
        return value(looks.writtenAt(path(first)) ?? null);
      case 'treeHash':
        return value(looks.treeHash(path(first)) ?? null);
      case 'hindrance':
        return value(held.hindrance(path(first), second === 'inode' ? 'inode' : 'name') ?? null);
      case 'room':
        return value(held.room(path(first)) ?? null);
      case 'forget':
        held.release();
        where.forget();
        return value(null);
      case 'waypoint':
        return value(waypoint(String(first)));
      case 'readFile':
        return value(readUserFile(String(first)));
      case 'writeFile':
        return value(writeUserFile(String(first), String(second), third as Parameters<typeof writeUserFile>[2]));
      case 'left':
        return value(leftOfUser());
      case 'removeLeft':
        return value(removeLeftOfUser((first as readonly string[]).map(absolute), String(second)));
    }
  };
  return (request) => {
    try {
      return act(request);
    } catch (thrown) {
      return { kind: 'problem', problem: problemOf(thrown) };
    }
  };
}

function problemOf(thrown: unknown): Extract<Answer, { kind: 'problem' }>['problem'] {
  if (isUnreadable(thrown)) return { is: 'unreadable', path: thrown.path, why: thrown.why };
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (!isNarProblem(thrown)) return { is: 'other', message };
  return { is: 'nar', code: thrown.code, place: thrown.path.toString('latin1'), message };
}
