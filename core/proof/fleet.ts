// The proofs of several hosts as rows: each cause once, with the hosts that it is in. Pure.

import { digestOfJson } from '../canonical.ts';
import { byteOrder } from '../path.ts';
import type { Compared, ComparedRow, Proof } from '../proven.ts';

/** Rows of the most hosts first, those that prove nothing last. */
export function comparedIn(proofs: readonly Proof[]): Compared {
  const rows = new Map<string, { readonly row: ComparedRow; readonly hosts: string[] }>();
  for (const { host, verdict } of proofs) {
    for (const row of rowsOf(verdict)) {
      // What is told about it is a hint, and may be another one on another host.
      const key = digestOfJson({ ...row, told: null });
      const known = rows.get(key);
      if (known === undefined) rows.set(key, { row: { ...row, hosts: [] }, hosts: [host] });
      else known.hosts.push(host);
    }
  }
  const hostsWith = (...kinds: readonly Proof['verdict']['kind'][]): readonly string[] =>
    proofs.filter(({ verdict }) => kinds.includes(verdict.kind)).map(({ host }) => host);
  return {
    same: hostsWith('identical', 'same'),
    differ: hostsWith('differs'),
    notProven: hostsWith('not proven'),
    rows: [...rows.values()].map(({ row, hosts }) => ({ ...row, hosts })).sort(byHosts),
  };
}

type Row = ComparedRow extends infer One ? (One extends ComparedRow ? Omit<One, 'hosts'> : never) : never;

function rowsOf(verdict: Proof['verdict']): readonly Row[] {
  switch (verdict.kind) {
    case 'identical':
      return [];
    case 'same':
      return verdict.options.map((option) => ({ kind: 'option', option }));
    case 'differs':
      return [
        ...verdict.causes.map(({ way, change, told }): Row => ({ kind: 'cause', way, change, ...(told && { told }) })),
        ...verdict.options.map((option): Row => ({ kind: 'option', option })),
      ];
    case 'not proven':
      return [{ kind: 'not proven', why: verdict.why, hint: verdict.hint }];
  }
}

const ORDER = ['cause', 'option', 'not proven'];

const byHosts = (one: ComparedRow, other: ComparedRow): number =>
  ORDER.indexOf(one.kind) - ORDER.indexOf(other.kind) ||
  other.hosts.length - one.hosts.length ||
  byteOrder(one.hosts[0] ?? '', other.hosts[0] ?? '');
