// The two names of a plan: what it does, and what was found. Pure.

import { digestOfJson } from '../canonical.ts';
import type { Plan } from '../model.ts';

/** Both ids, worked out and added. */
export const withIds = (body: Omit<Plan, 'id' | 'evidence'>): Plan => ({
  ...body,
  id: idOf(body),
  evidence: evidenceOf(body),
});

export const isIdentified = ({ id, evidence, ...body }: Plan): boolean =>
  idOf(body) === id && evidenceOf(body) === evidence;

/**
 * Spec, machine, read set, edits and bytes: what an apply depends on and does. Two plans that do the same have one id, however
 * it is told.
 */
const idOf = ({ version, spec, host, readSet, steps, blobs }: Omit<Plan, 'id' | 'evidence'>): Plan['id'] =>
  digestOfJson({ version, spec, host, readSet, edits: steps.flatMap(({ edits }) => edits), blobs });

const evidenceOf = ({ steps, leftOut, acknowledged }: Omit<Plan, 'id' | 'evidence'>): Plan['evidence'] =>
  digestOfJson({
    steps: steps.map(({ provider, verdicts, findings }) => ({ provider, verdicts, findings })),
    leftOut,
    ...(acknowledged && { acknowledged }),
  });
