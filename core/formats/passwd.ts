// The machine's own users and groups: passwd(5) and group(5) as data.

import { isId, LARGEST_ID } from '../limits.ts';

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
  /** Names of users. */
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
  rows(text).flatMap(([name, , gid, members = '']) =>
    name && isId(gid) ? [{ name, gid: Number(gid), members: members.split(',').filter((one) => one !== '') }] : [],
  );

/** Of the line of a passwd or group file that has this name: where it is, from 1, and why it is none that can be used. */
export function oddLine(
  text: string,
  wanted: string,
  kind: 'user' | 'group',
): { readonly line: number; readonly why: string } | undefined {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => line.startsWith(`${wanted}:`));
  if (at === -1) return undefined;
  const [, , first, second] = lines[at]!.split(':');
  const ids = kind === 'user' ? [first, second] : [first];
  const odd = ids.find((id) => !isId(id));
  if (ids.every(isId)) return undefined;
  return {
    line: at + 1,
    why: `its id ${JSON.stringify((odd ?? '').slice(0, 20))} is not a number from 0 to ${LARGEST_ID}`,
  };
}

const rows = (text: string): string[][] =>
  text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));
