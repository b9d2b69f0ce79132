// The two digests of a plan: `id` for what it does, `evidence` for what was found. Pure.

import { digestOf, digestOfJson } from '../canonical.ts';
import type { Plan } from '../model.ts';
import type { Proof } from '../proven.ts';

/** The plan with both digests. */
export const withIds = (body: Omit<Plan, 'id' | 'evidence'>): Plan => ({
  ...body,
  id: idOf(body),
  evidence: evidenceOf(body),
});

/** The plan with a proof: only its evidence is another one. */
export const withProof = ({ id: _id, evidence: _evidence, ...body }: Plan, proof: Proof): Plan =>
  withIds({ ...body, proof });

const isIdentified = ({ id, evidence, ...body }: Plan): boolean => idOf(body) === id && evidenceOf(body) === evidence;

/**
 * The digest of spec, machine, read set, edits and bytes: what an apply depends on and does. Two plans that do the same have
 * the same id, whatever their findings say.
 */
const idOf = ({ version, spec, host, readSet, steps, blobs }: Omit<Plan, 'id' | 'evidence'>): Plan['id'] =>
  digestOfJson({ version, spec, host, readSet, edits: steps.flatMap(({ edits }) => edits), blobs });

const evidenceOf = ({
  steps,
  leftOut,
  notChecked,
  acknowledged,
  expected,
  machine,
  proof,
}: Omit<Plan, 'id' | 'evidence'>): Plan['evidence'] =>
  digestOfJson({
    steps: steps.map(({ provider, verdicts, findings }) => ({ provider, verdicts, findings })),
    leftOut,
    ...(notChecked && { notChecked }),
    ...(acknowledged && { acknowledged }),
    ...(expected && { expected }),
    ...(machine !== undefined && { machine }),
    ...(proof && { proof }),
  });

/** True if the ids of a plan are the digests of its content. */
export function isIntact(made: Plan): boolean {
  const blobsMatch = Object.entries(made.blobs).every(([digest, bytes]) => digestOf(bytes) === digest);
  return blobsMatch && isIdentified(made);
}
