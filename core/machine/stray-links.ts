// The diagnostic for a link that root must not follow. follow-links.ts finds out whose it is and where it leads.

import type { Diagnostic } from '../diagnostic.ts';
import type { Stray } from './follow-links.ts';
import type { People } from './people.ts';

export function strayLink({ link, uid, end, owner }: Stray, names: Pick<People, 'userName'>): Diagnostic {
  const whose = uid === undefined ? 'in the hands of several people' : `in the hands of ${names.userName(uid)}`;
  return {
    severity: 'error',
    code: 'RF2040',
    summary: `"${link}" is ${whose}, and leads to "${end}", which belongs to ${names.userName(owner.uid)}`,
    hint: 'name the directory itself, or remove the link',
    path: link,
  };
}
