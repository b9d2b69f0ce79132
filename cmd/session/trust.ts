// --trust-spec-of, and the diagnostic for a file that another user can write.

import type { Diagnostic } from '../../core/diagnostic.ts';
import { wayTo } from '../../core/host/disk/way.ts';
import { isRoot } from '../../core/host/process/trusted.ts';
import { nameOfGroup, nameOfUser, type UserFiles, usersHere } from '../../core/host/surroundings.ts';
import { type Trusted, trustOf, wordsOf } from '../../core/machine/file-trust.ts';
import type { Person } from '../../core/model.ts';
import type { GlobalOptions, Usage } from './io.ts';

/** `all`: no limit on this user's wishes. */
export type Author = Person & { readonly all: boolean };

/** The user in --trust-spec-of; throws `Usage` for one that this system does not have. */
export function authorOf({ trustSpecOf }: GlobalOptions): Author | undefined {
  if (trustSpecOf === undefined) return undefined;
  const [, wanted, all] = /^([^:]+)(:all)?$/.exec(trustSpecOf) ?? [];
  const user = usersHere().find(({ name, uid }) => name === wanted || String(uid) === wanted);
  if (user === undefined)
    throw { usage: `--trust-spec-of: no user ${JSON.stringify(trustSpecOf)}: write USER, or USER:all` } satisfies Usage;
  return { name: user.name, uid: user.uid, gid: user.gid, home: user.home, all: all !== undefined };
}

export type Judged = { readonly kind: 'whole' | 'limited' } | { readonly kind: 'none'; readonly problem: Diagnostic };

/** Doubts about who can write the file. An ordinary user reads with their own rights, so only with an author it is checked. */
export function doubtAbout(
  file: string,
  what: string,
  trusted: Trusted,
  { waypoint }: Pick<UserFiles, 'waypoint'>,
): Judged {
  if (!isRoot() && trusted.author === undefined) return { kind: 'whole' };
  const trust = trustOf(wayTo(file, waypoint), trusted);
  if (trust.kind !== 'none') return trust;
  const names = { user: nameOfUser, group: nameOfGroup };
  const { doubt } = trust;
  const hint =
    doubt.kind === 'owner'
      ? `copy it to where only you can write, or say whose word it is: --trust-spec-of ${names.user(doubt.at.uid)}`
      : doubt.kind === 'everybody' || doubt.kind === 'group'
        ? `take that right away: chmod go-w ${doubt.at.path}`
        : 'copy it to where only you can write';
  return {
    kind: 'none',
    problem: {
      severity: 'error',
      code: 'RF1011',
      summary: `${what} may be somebody else’s word: ${wordsOf(doubt, names)}`,
      hint,
    },
  };
}

/** The end of a sentence that says where a spec was looked for. */
export const notLookedIn = (open: string | undefined): string =>
  open === undefined ? '' : ` (the search ended before "${open}", where others can write)`;
