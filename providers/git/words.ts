// Words and findings shared by the parts of the git provider.

import type { Finding } from '../../core/model.ts';
import { type AbsPath, relativeTo } from '../../core/path.ts';

/** The first few paths, relative to the configuration. */
export function namesOf(paths: readonly AbsPath[], dir: AbsPath): string {
  const names = paths.map((path) => relativeTo(path, dir));
  return names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more files`;
}

/** A finding about the one wish of this provider. */
export const found = (code: Finding['code'], because: string, hint: string, path?: AbsPath): Finding => ({
  code,
  wish: '/git',
  subject: 'git',
  because,
  ...(path && { path }),
  remedy: { by: 'you', hint },
});
