// What a spec demands of a proof: every demand, verdict and way to be called.
import { expect, test } from '@jest/globals';
import { objectionTo } from '../../../core/proof/policy.ts';
import type { Proof, ProofVerdict } from '../../../core/proven.ts';

const ID = `sha256:${'1'.repeat(64)}` as const;
const VERDICTS: readonly ProofVerdict[] = [
  { kind: 'identical', system: '/nix/store/x' },
  { kind: 'same', system: '/nix/store/x', options: [] },
  { kind: 'differs', id: ID, causes: [], options: [] },
  { kind: 'not proven', side: 'both', why: 'why', hint: 'hint' },
];
const proofOf = (verdict: ProofVerdict): Proof => ({
  host: 'h',
  first: { label: 'a' },
  second: { label: 'b' },
  verdict,
});

/** `y`: applied. In the order: no proof, identical, same, differs, differs and accepted, not proven. */
test.each([
  ['off', false, 'yyyyyy'],
  ['off', true, 'yyyyyy'],
  ['offered', false, 'yyynyy'],
  ['offered', true, 'yyynyn'],
  ['required', false, 'nyynyn'],
  ['required', true, 'nyynyn'],
] as const)('%s, unattended: %s', (demand, isUnattended, expected) => {
  const applied = (proof: Proof | undefined, isAccepted = false): string =>
    objectionTo(proof, { demand, isUnattended, isAccepted: (id) => isAccepted && id === ID }) === undefined ? 'y' : 'n';
  const [identical, same, differs, not] = VERDICTS.map(proofOf);
  const all = [
    applied(undefined),
    applied(identical),
    applied(same),
    applied(differs),
    applied(differs, true),
    applied(not),
  ];
  expect(all.join('')).toBe(expected);
});
