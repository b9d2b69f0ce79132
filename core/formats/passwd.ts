// The machine's own users and groups: passwd(5) and group(5) as data.

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

export interface Group {
  readonly name: string;
  readonly gid: number;
  /** Names of users that it is a supplementary group of. */
  readonly members: readonly string[];
}

/** Users in the order of the file; lines that are none are passed over. */
export const parsePasswd = (text: string): readonly User[] =>
  rows(text).flatMap(([name, , uid, gid, , home, shell]) =>
    name && isId(uid) && isId(gid)
      ? [{ name, uid: Number(uid), gid: Number(gid), home: home || '/', shell: shell ?? '' }]
      : [],
  );

export const parseGroup = (text: string): readonly Group[] =>
  rows(text).flatMap(([name, , gid, members]) =>
    name && isId(gid) ? [{ name, gid: Number(gid), members: (members ?? '').split(',') }] : [],
  );

const rows = (text: string): string[][] =>
  text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));

const isId = (text: string | undefined): boolean => /^\d+$/.test(text ?? '');
