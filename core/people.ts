// Who is who on the machine: users and groups by name or number, looked up in the machine's own files.

import { parseGroup, parsePasswd, type User } from './formats/passwd.ts';
import type { Reader } from './host/host.ts';
import { textThroughLinks } from './links.ts';
import type { Owner, Person } from './model.ts';
import { absolute } from './path.ts';

const PASSWD = absolute('/etc/passwd');
const GROUP = absolute('/etc/group');

export interface People {
  readonly users: readonly User[];
  user(nameOrId: string | number): Person | undefined;
  groupId(nameOrId: string): number | undefined;
  /** All groups of a person. */
  groupsOf(person: Person): readonly number[];
  /** `srid:users`, with numbers where there is no name. */
  name(owner: Owner): string;
}

export function people(reader: Reader): People {
  const users = parsePasswd(textThroughLinks(reader, PASSWD));
  const groups = parseGroup(textThroughLinks(reader, GROUP));
  const known = new Map<string, string>();
  return {
    users,
    user(nameOrId) {
      const found = users.find(({ name, uid }) => name === nameOrId || String(uid) === String(nameOrId));
      return found && { name: found.name, uid: found.uid, gid: found.gid, home: found.home };
    },
    groupId: (nameOrId) =>
      groups.find(({ name }) => name === nameOrId)?.gid ?? (/^\d+$/.test(nameOrId) ? Number(nameOrId) : undefined),
    groupsOf: ({ name, gid }) => [gid, ...groups.filter(({ members }) => members.includes(name)).map((one) => one.gid)],
    name({ uid, gid }) {
      const key = `${uid}:${gid}`;
      const user = users.find((one) => one.uid === uid)?.name ?? uid;
      const group = groups.find((one) => one.gid === gid)?.name ?? gid;
      if (!known.has(key)) known.set(key, `${user}:${group}`);
      return known.get(key)!;
    },
  };
}
