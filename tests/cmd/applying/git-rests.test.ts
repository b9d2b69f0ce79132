// An apply that meets a running git waits a little and plans again, or reports it.
import { describe, expect, test } from '@jest/globals';
import { onceGitRests } from '../../../cmd/applying/git-rests.ts';
import type { Io } from '../../../cmd/session/io.ts';
import type { Session } from '../../../cmd/session/session.ts';
import { ABSENT, type Edit, type Entry, type Finding, type Plan } from '../../../core/model.ts';
import { absolute } from '../../../core/path.ts';

const INDEX = absolute('/c/.git/index');
const LOCK = absolute('/c/.git/index.lock');
const FILE: Entry = { type: 'file', mode: 0o644, owner: { uid: 0, gid: 0 } };
const MET: Finding = { code: 'RF2054', subject: 'git', because: '', path: LOCK, remedy: { by: 'you', hint: '' } };
const WRITE: Edit = { op: 'put', path: INDEX, before: ABSENT, after: FILE };

const planOf = (findings: readonly Finding[], edits: readonly Edit[]): Plan =>
  ({ steps: [{ provider: 'git', verdicts: [], findings, edits }] }) as unknown as Plan;

/** An index.lock that exists for `looks` looks, and a clock that goes on by a second with each. */
async function met(made: Plan, looks: number, again?: Plan) {
  let seen = 0;
  const host = { refresh: () => {}, stat: (): Entry => (seen++ < looks ? FILE : ABSENT) };
  const io = { now: () => seen * 1000, stopped: () => undefined };
  const session = { host, report: () => {} } as unknown as Session;
  const plan = await onceGitRests(made, again && (async () => again), session, io as unknown as Io);
  return plan === again ? 'again' : plan === made ? 'as made' : 'another';
}

describe('a git that is at work', () => {
  const [held, free] = [planOf([MET], [WRITE]), planOf([], [WRITE])];
  const later = planOf([], [WRITE]);

  test.each([
    ['is waited for, and the plan is made again', held, 2, later, 'again'],
    ['is not waited for without end: the plan says so', held, 99, later, 'as made'],
    ['that begins after the plan is waited for', free, 2, later, 'again'],
    ['and a saved one stays as it is', free, 2, undefined, 'as made'],
    ['that ended meanwhile is planned around', held, 0, later, 'again'],
    ['that is not there changes nothing', free, 0, later, 'as made'],
    ['and does not end is met by the executor', free, 99, undefined, 'as made'],
    ['is nothing to a plan that writes no index', planOf([], []), 99, undefined, 'as made'],
  ])('%s', async (_what, made, looks, again, expected) => {
    expect(await met(made, looks, again)).toEqual(expected);
  });
});
