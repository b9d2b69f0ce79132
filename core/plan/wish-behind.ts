// Which wish an edit of a look is for, so that what bars the edit is told as barring that wish.

import type { Finding } from '../model.ts';
import type { AbsPath } from '../path.ts';
import type { Difference } from './provider.ts';

/** The wish that an edit is for: that of a finding about its path, else that of any finding that the plan mends. */
export function wishBehind(
  { findings }: Difference,
  path: AbsPath | undefined,
): Pick<Finding, 'wish' | 'hosts' | 'subject'> {
  const changes = findings.filter(({ remedy, wish }) => remedy.by === 'plan' && wish !== undefined);
  const { wish, hosts, subject }: Pick<Finding, 'wish' | 'hosts' | 'subject'> = changes.find(
    (one) => one.path === path,
  ) ??
    changes[0] ?? { subject: path ?? '' };
  return { subject, ...(wish !== undefined && { wish }), ...(hosts && { hosts }) };
}
