// Shows a rollback as a plan, so that it is displayed and counted like an apply. Pure.

import { digestOf } from '../canonical.ts';
import type { Blobs } from '../machine/host.ts';
import { type Change, type Edit, type Entry, kindOf, type Owner, type Plan, type Put, type Step } from '../model.ts';
import { absolute } from '../path.ts';
import { withIds } from '../plan/plan-id.ts';
import type { Transaction } from './model.ts';

type Said = Omit<Change, 'code' | 'because'>;

/** `nameOf` gives an owner as `srid:users`. */
export function rollbackPlan(
  { batches, host, undoes }: Pick<Transaction, 'batches' | 'host' | 'undoes'>,
  blobs: Blobs,
  nameOf: (owner: Owner) => string,
): Plan {
  const because = `as it was before ${undoes.length === 1 ? 'apply' : 'applies'} ${undoes.join(', ')}`;
  const steps = batches.map(
    (edits): Omit<Step, 'blobs'> => ({
      provider: 'rollback',
      verdicts: [],
      findings: edits
        .filter((edit) => !isInside(edit, edits))
        .map((edit): Change => ({ code: 'RF3029', because, ...changeOf(edit, nameOf) })),
      edits,
    }),
  );
  return withIds({ version: 2, spec: digestOf(JSON.stringify(undoes)), host, readSet: [], steps, leftOut: [], blobs });
}

/** True for a part of a repository that is added or removed as a whole, which one line reports. */
function isInside(edit: Edit, edits: readonly Edit[]): boolean {
  const [, top] = (edit.op === 'put' && /^(.*\/\.git)\//.exec(edit.path)) || [];
  return top !== undefined && edits.some((one) => one.op === 'put' && one.path === top && kindOf(one) !== 'metadata');
}

function changeOf(edit: Edit, nameOf: (owner: Owner) => string): Said {
  if (edit.op === 'move') {
    const { from, to } = edit;
    return { subject: 'config.path', path: from, from, to, remedy: { by: 'plan', action: 'move' } };
  }
  if (edit.op === 'activate') {
    const system = edit.target.kind === 'system' ? edit.target.system : {};
    const [from, to] = [edit.before, system].map(({ running, profile }) => running ?? profile);
    const place = { subject: 'activate', path: absolute('/run/current-system') };
    return { ...place, ...(from && { from }), ...(to && { to }), remedy: { by: 'plan', action: 'activate' } };
  }
  return { path: edit.path, ...putWords(edit, nameOf) };
}

function putWords(put: Put, nameOf: (owner: Owner) => string): Omit<Said, 'path'> {
  const { before, after, path } = put;
  const kind = kindOf(put);
  const action = ({ make: 'add', remove: 'remove', replace: 'change', metadata: 'change' } as const)[kind];
  const remedy = { by: 'plan', action } as const;
  if (kind !== 'metadata') {
    const type = after.type === 'absent' ? before.type : after.type;
    const subject =
      path.includes('/.git/') || path.endsWith('/.git') ? 'git' : type === 'dir' ? 'directory' : 'content';
    return { subject, remedy };
  }
  const [from, to] = [before, after].map((entry) => ('owner' in entry ? nameOf(entry.owner) : ''));
  if (from !== to) return { subject: 'owner', from: from!, to: to!, remedy };
  return { subject: 'mode', from: modeOf(before), to: modeOf(after), remedy };
}

const modeOf = (entry: Entry): string => ('mode' in entry ? entry.mode.toString(8).padStart(4, '0') : '');
