// The command line that starts a program: which file, with whose rights (setpriv) and in which environment. Starts nothing.

import { userInfo } from 'node:os';
import type { Argv } from '../../machine/job.ts';
import type { Person } from '../../model.ts';
import { callerOf } from './caller.ts';
import { environmentOf, type Purpose, type Who } from './environment.ts';
import { find, findSystemTool, isRoot, LOOKS, quietly, searchPath } from './trusted.ts';

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The command line that starts a program: found in a trusted place, and through setpriv if we are root and the person
 * is not.
 */
export function commandOf(
  argv: Argv,
  as: (Person & { readonly groups?: readonly number[] }) | undefined,
): Command | { readonly missing: string } {
  const drops = isRoot() && as !== undefined && as.uid !== 0;
  const path = searchPath();
  const env = environmentFor(drops ? as : undefined, path);
  const program = argv[0].startsWith('/') ? argv[0] : find(argv[0], path);
  if (program === undefined) return { missing: argv[0] };
  if (!drops) return { program, args: argv.slice(1), env };
  const setpriv = findSystemTool('setpriv');
  if (setpriv === undefined) return { missing: 'setpriv' };
  return { program: setpriv, args: [...dropTo(as), program, ...argv.slice(1)], env };
}

/** The environment of a program that we start for `as`, or for ourselves. */
export const environmentFor = (
  as: Person | undefined,
  path: readonly string[] = searchPath(),
): Readonly<Record<string, string>> => environmentOf(purposeOf(as), as ?? ourselves(), path, process.env, LOOKS);

/** `as`: the person for whom root starts it. */
function purposeOf(as: Person | undefined): Purpose {
  if (as === undefined) return isRoot() ? 'root' : 'self';
  return callerOf(process.env).uid === as.uid ? 'caller' : 'person';
}

/** An ordinary user decides their own HOME; root's may be the caller's, under `sudo -E` and su. */
function ourselves(): Who {
  const uid = process.geteuid?.() ?? 0;
  const given = uid === 0 ? {} : { name: process.env.USER, home: process.env.HOME };
  const known = quietly(() => userInfo());
  const home = given.home ?? known?.homedir ?? (uid === 0 ? '/root' : '/');
  return { uid, name: given.name ?? known?.username ?? String(uid), home };
}

/**
 * Arguments of setpriv(1). It sets supplementary groups too, which Node's own uid option does not. With --pdeathsig the
 * program ends even when we are killed: so it does not go on in a scratch directory that the next run removes.
 */
function dropTo({ name, uid, gid, groups }: Person & { readonly groups?: readonly number[] }): string[] {
  // A user without a name is in no group of this system.
  const others = groups ?? (/^\d+$/.test(name) ? [] : undefined);
  const also =
    others === undefined ? '--init-groups' : others.length === 0 ? '--clear-groups' : `--groups=${others.join()}`;
  return [`--reuid=${uid}`, `--regid=${gid}`, also, '--pdeathsig=TERM', '--'];
}
