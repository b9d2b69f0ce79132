// The person who called: for root, the one whom sudo, run0, doas or pkexec name in the environment; otherwise the user
// of this process.

import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { parsePasswd, type User } from '../../formats/passwd.ts';
import { isId } from '../../limits.ts';
import type { Person } from '../../model.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The caller. Variables that name root are ignored: then root itself called the innermost of two such programs. All
 * others must name the same user. su sets no variable, so under su the caller is root. Throws `{ usage }` (cmd's Usage)
 * if the variables contradict each other or /etc/passwd.
 */
export function callerOf(env: Env): Person {
  return (process.geteuid?.() === 0 && namedBy(env, users)) || whoRuns(env);
}

/** The person whom the environment names; undefined if it names nobody, or root. Throws as `callerOf` does. */
export function namedBy(env: Env, users: () => readonly User[]): Person | undefined {
  const words = WORDS.flatMap(([name, kind]) => (env[name] ? [{ name, kind, value: env[name] }] : []));
  if (words.length === 0) return undefined;
  const known = users();
  const named = words
    .map((word) => ({ ...word, uid: uidOf(word, known, env) }))
    .filter(({ uid }) => uid !== undefined && uid !== 0);
  const [first, ...rest] = named;
  if (first === undefined) return undefined;
  const other = rest.find(({ uid }) => uid !== first.uid);
  if (other !== undefined)
    throw refusal(`${first.name} says ${quoted(first.value)} and ${other.name} ${quoted(other.value)}`, other.name);
  return personOf(first.uid!, known, env);
}

/** sudo and run0 (since systemd 256) set SUDO_*, pkexec PKEXEC_UID, doas DOAS_USER. */
const WORDS = [
  ['SUDO_UID', 'uid'],
  ['PKEXEC_UID', 'uid'],
  ['SUDO_USER', 'name'],
  ['DOAS_USER', 'name'],
] as const;

interface Word {
  readonly name: string;
  readonly kind: 'uid' | 'name';
  readonly value: string;
}

function uidOf({ name, kind, value }: Word, known: readonly User[], env: Env): number | undefined {
  if (kind === 'uid') {
    if (isPlainId(value)) return Number(value);
    throw refusal(`${name} is ${quoted(value)}, which is no user id`, name);
  }
  const users = known.filter((user) => user.name === value);
  if (users.length > 0) return users[0]!.uid;
  // A name of a directory service, or of another machine's passwd (--root): we go by the number in SUDO_UID.
  if (name === 'SUDO_USER' && env.SUDO_UID) return undefined;
  throw refusal(`${name} is ${quoted(value)}, and /etc/passwd has no such user`, name);
}

/**
 * Takes the name that the variable gives, because several names may share a number, and the group from passwd, because
 * SUDO_GID is whichever group the caller's shell had.
 */
function personOf(uid: number, known: readonly User[], env: Env): Person {
  const users = known.filter((user) => user.uid === uid);
  const { SUDO_UID, SUDO_GID, SUDO_USER, DOAS_USER } = env;
  const said = [Number(SUDO_UID) === uid ? SUDO_USER : undefined, DOAS_USER].find((name) => name && PLAIN.test(name));
  const user = users.find(({ name }) => name === said) ?? users[0];
  const name = said ?? user?.name ?? String(uid);
  if (user !== undefined) return { name, uid, gid: user.gid, home: user.home };
  if (Number(SUDO_UID) === uid && SUDO_GID && isPlainId(SUDO_GID))
    return { name, uid, gid: Number(SUDO_GID), home: '/' };
  throw refusal(`user ${uid} is not in /etc/passwd, and no SUDO_GID names a group`, 'SUDO_UID -u PKEXEC_UID');
}

const PLAIN = /^[A-Za-z0-9_][\w.@-]*\$?$/;

/** A number as programs write it. Some read a leading zero as octal. */
const isPlainId = (text: string): boolean => isId(text) && !/^0./.test(text);

const refusal = (why: string, unset: string): { readonly usage: string } => ({
  usage: `who called is not certain: ${why} (unset what is wrong: env -u ${unset} reflake …)`,
});

const quoted = (text: string): string => JSON.stringify(text.slice(0, 40));

function whoRuns(env: Env): Person {
  const uid = process.geteuid?.() ?? 0;
  const gid = process.getegid?.() ?? 0;
  try {
    const { username, homedir } = userInfo();
    return { name: username, uid, gid, home: homedir };
  } catch {
    // The number has no name, as in containers.
    return { name: String(uid), uid, gid, home: (uid === 0 ? undefined : env.HOME) ?? '/' };
  }
}

function users(): readonly User[] {
  try {
    return parsePasswd(readFileSync('/etc/passwd', 'utf8'));
  } catch {
    return [];
  }
}
