// With whose rights the files are read and written that somebody names on the command line.

import { isRoot } from '../../core/host/process/trusted.ts';
import { ownFiles, systemUser, type UserFiles } from '../../core/host/surroundings.ts';
import type { Person } from '../../core/model.ts';

/** The files that are named on the command line. */
export async function filesFor(caller: Person): Promise<UserFiles> {
  if (!isRoot()) return ownFiles;
  const { borderedFiles } = await import('../../core/host/border/user-files.ts');
  return borderedFiles(caller, systemUser);
}
