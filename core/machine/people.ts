// Users and groups of the machine by name or number, from the machine's own files.

import { oddLine, parseGroup, parsePasswd, type User } from '../formats/passwd.ts';
import { isId } from '../limits.ts';
import type { Owner, Person } from '../model.ts';
import { type AbsPath, absolute } from '../path.ts';
import { textThroughLinks } from './follow-links.ts';
import type { Reader } from './reader.ts';

const PASSWD = absolute('/etc/passwd');
const GROUP = absolute('/etc/group');

export interface People {
  readonly users: readonly User[];
  user(nameOrId: string | number): Person | undefined;
  groupId(nameOrId: string): number | undefined;
  /** The line of passwd or group that has the name but cannot be used, and why. */
  oddLine(
    kind: 'user' | 'group',
    name: string,
  ): { readonly file: AbsPath; readonly line: number; readonly why: string } | undefined;
  /** All groups of a user: their own, and those that list them as a member. */
  groupsOf(uid: number): readonly number[];
  /** `srid`, or the number if there is no name. */
  userName(uid: number): string;
  /** `srid:users`, with numbers if there are no names. */
  name(owner: Owner): string;
}

export function people(reader: Reader): People {
  const texts = { user: textThroughLinks(reader, PASSWD), group: textThroughLinks(reader, GROUP) };
  const users = parsePasswd(texts.user);
  const groups = parseGroup(texts.group);
  const known = new Map<string, string>();
  return {
    users,
    user(nameOrId) {
      const found = users.find(({ name, uid }) => name === nameOrId || String(uid) === String(nameOrId));
      return found && { name: found.name, uid: found.uid, gid: found.gid, home: found.home };
    },
    groupId: (nameOrId) =>
      groups.find(({ name }) => name === nameOrId)?.gid ?? (isId(nameOrId) ? Number(nameOrId) : undefined),
    oddLine(kind, name) {
      const odd = oddLine(texts[kind], name, kind);
      return odd && { file: kind === 'user' ? PASSWD : GROUP, ...odd };
    },
    groupsOf(uid) {
      const named = users.filter((user) => user.uid === uid);
      const joined = groups.filter(({ members }) => named.some(({ name }) => members.includes(name)));
      return [...new Set([...named.map(({ gid }) => gid), ...joined.map(({ gid }) => gid)])];
    },
    userName: (uid) => users.find((user) => user.uid === uid)?.name ?? String(uid),
    name({ uid, gid }) {
      const key = `${uid}:${gid}`;
      const user = users.find((one) => one.uid === uid)?.name ?? uid;
      const group = groups.find((one) => one.gid === gid)?.name ?? gid;
      if (!known.has(key)) known.set(key, `${user}:${group}`);
      return known.get(key)!;
    },
  };
}
