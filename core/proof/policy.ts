// What a spec demands of the proof of a plan before it is applied. Pure.

import type { Diagnostic } from '../diagnostic.ts';
import type { Proof, ProofVerdict } from '../proven.ts';
import type { Wishes } from '../spec/resolve.ts';

export interface Applying {
  readonly demand: Wishes['proof'];
  /** True of the id of a difference that the command line accepts. */
  readonly isAccepted: (id: string) => boolean;
  /** Nobody is asked. */
  readonly isUnattended: boolean;
}

/** Why a plan with this proof, or with none, is not applied; undefined: it is. */
export function objectionTo(proof: Proof | undefined, applying: Applying): Diagnostic | undefined {
  if (applying.demand === 'off') return undefined;
  if (proof === undefined)
    return applying.demand === 'required'
      ? because('the plan carries no proof, and the spec requires one', 'make it anew: reflake plan --prove --out FILE')
      : undefined;
  return objectionToVerdict(proof.verdict, applying);
}

function objectionToVerdict(
  verdict: ProofVerdict,
  { demand, isAccepted, isUnattended }: Applying,
): Diagnostic | undefined {
  switch (verdict.kind) {
    case 'identical':
    case 'same':
      return undefined;
    case 'differs':
      return isAccepted(verdict.id)
        ? undefined
        : because(
            'the planned system is not the one that is there',
            `mend it, or accept this difference: --accept-difference ${verdict.id.slice('sha256:'.length, 'sha256:'.length + SHOWN)}`,
          );
    case 'not proven':
      return demand === 'required' || isUnattended
        ? because(
            `whether it is the same system is not proven: ${verdict.why}`,
            demand === 'required'
              ? verdict.hint
              : `${verdict.hint}; or apply it where you can be asked, or with proof: off`,
          )
        : undefined;
  }
}

/** Digits of an id that are enough to name it. */
const SHOWN = 8;

const because = (summary: string, hint: string): Diagnostic => ({ severity: 'error', code: 'RF3031', summary, hint });
