// Examines what surrounds a run: Node, git, the clock, and the ssh agent.

import type { JobResult } from '../machine/job.ts';
import type { Reader } from '../machine/reader.ts';
import { absolute } from '../path.ts';
import type { Observation } from './examined.ts';
import { missing } from './nix.ts';

/** `least`: as package.json says it, `>=20.19`. */
export function node(version: string, least: string): Observation {
  const [has, needs] = [version, least].map((text) => (text.match(/\d+/g) ?? []).slice(0, 2).map(Number));
  const isOld = has![0]! < needs![0]! || (has![0] === needs![0] && has![1]! < needs![1]!);
  if (!isOld) return { state: 'good', saw: version };
  return {
    state: 'bad',
    saw: `${version}, and reflake needs ${least}`,
    advice: 'run it with a newer Node: nix-shell -p nodejs',
  };
}

/** `said`: by git --version. */
export function git(said: JobResult, isRoot: boolean): Observation {
  if (said.status === 'missing') return missing('git', isRoot, 'Nix needs it to read a flake in a repository');
  if (said.status !== 'done') return { state: 'bad', saw: 'git does not say its version', advice: 'run git --version' };
  return { state: 'good', saw: /\d+(?:\.\d+)+/.exec(said.stdout)?.[0] ?? said.stdout.trim() };
}

/** Something that happened, as the disk has it. `at`: seconds since 1970. */
export interface Happened {
  readonly what: string;
  readonly at: number;
}

/**
 * A clock that stands before what has happened already is wrong: certificates then seem not yet valid, and locks of the future. No
 * server is asked. `isSynchronized`: systemd-timesyncd has noted it; undefined: it notes nothing here.
 */
export function clock(now: number, happened: readonly Happened[], isSynchronized: boolean | undefined): Observation {
  const later = happened.toSorted((one, other) => other.at - one.at)[0];
  const words = new Date(now * 1000).toISOString().replace(/\.\d+/, '');
  if (later !== undefined && later.at > now + SLACK)
    return {
      state: 'bad',
      saw: `it says ${words}, and ${later.what} is of ${new Date(later.at * 1000).toISOString().replace(/\.\d+/, '')}`,
      advice: 'set it: timedatectl, and sudo timedatectl set-ntp true',
    };
  const how = isSynchronized ? 'synchronized' : 'no server was asked; nothing here is of a later time';
  return { state: 'good', saw: `${words} (${how})` };
}

/** Seconds: what a file system or a server may be ahead. */
const SLACK = 120;

/**
 * `socket`: SSH_AUTH_SOCK. `urls`: of the inputs that are fetched over ssh. `isDropped`: another user called root (sudo), which
 * keeps the variable away.
 */
export function sshAgent(
  reader: Pick<Reader, 'stat'>,
  socket: string | undefined,
  urls: readonly string[],
  isDropped: boolean,
): Observation {
  const need = urls.length === 0 ? 'no input is fetched over ssh' : `needed for ${urls.join(', ')}`;
  const state = urls.length === 0 ? 'good' : 'doubtful';
  if (!socket) {
    const advice = isDropped
      ? 'let it through: sudo --preserve-env=SSH_AUTH_SOCK reflake …'
      : 'start one: eval "$(ssh-agent)" && ssh-add';
    return { state, saw: `none: SSH_AUTH_SOCK is not set; ${need}`, ...(urls.length > 0 && { advice }) };
  }
  const entry = socket.startsWith('/') ? reader.stat(absolute(socket)) : undefined;
  if (entry?.type === 'other' && entry.what === 'socket') return { state: 'good', saw: `there is a socket; ${need}` };
  return {
    state: 'doubtful',
    saw: `SSH_AUTH_SOCK names ${JSON.stringify(socket)}, which is no socket; ${need}`,
    advice: 'log in anew, or start one: eval "$(ssh-agent)" && ssh-add',
  };
}
