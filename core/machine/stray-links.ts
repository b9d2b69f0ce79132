// Links that root must not follow, in words. Whose they are and where they lead is found out by links.ts.

import type { Diagnostic } from '../diagnostic.ts';
import type { Stray } from './links.ts';
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
