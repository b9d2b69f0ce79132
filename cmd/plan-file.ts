// Saved plans: JSON by schemas/plan.schema.json, complete and self-checking, private to their owner.

import { resolve } from 'node:path';
import type { Diagnostic } from '../core/diagnostic.ts';
import { callerOf, readUserFile, reserveUserFile, writeUserFile } from '../core/host/surroundings.ts';
import type { Digest, Plan } from '../core/model.ts';
import { isIntact } from '../core/planner.ts';
import { validate } from '../schemas/validate-plan.gen.mjs';
import type { Io } from './io.ts';

/** Where a plan is to be saved: it is there, empty, from the first look of the plan on. */
export function planFile(
  name: string,
  io: Pick<Io, 'env' | 'cwd'>,
): {
  /** Undefined: it is written. */
  readonly save: (plan: Plan) => Diagnostic | undefined;
  /** Nothing will be saved. */
  readonly release: () => void;
} {
  const file = resolve(io.cwd, name);
  const owner = callerOf(io.env);
  const release = reserveUserFile(file, MODE, owner);
  const save = (plan: Plan): Diagnostic | undefined => {
    const blobs = Object.fromEntries(
      Object.entries(plan.blobs).map(([digest, bytes]) => [digest, Buffer.from(bytes).toString('base64')]),
    );
    const text = `${JSON.stringify({ ...plan, blobs }, null, 1)}\n`;
    const written = writeUserFile(file, text, { mode: MODE, fresh: false, owner });
    if (written.ok) return undefined;
    release();
    return { severity: 'error', code: 'RF3004', summary: `the plan cannot be written to "${name}": ${written.why}` };
  };
  return { save, release };
}

/** It holds what will be in the configuration. */
const MODE = 0o600;

export type LoadedPlan =
  | { readonly ok: true; readonly plan: Plan }
  | { readonly ok: false; readonly problem: Diagnostic };

/** `expected`: the id, or the beginning of it, that somebody approved. */
export function loadPlan(file: string, expected: string | undefined, cwd: string): LoadedPlan {
  const read = readUserFile(resolve(cwd, file));
  if (!read.ok) return altered(`the plan "${file}" cannot be read: ${read.why}`);
  const value = parse(read.text);
  if (value === undefined || !validate(value)) return altered(`"${file}" is not a plan of this version of reflake`);
  const saved = value as Omit<Plan, 'blobs'> & { blobs: Record<Digest, string> };
  const blobs = Object.fromEntries(
    Object.entries(saved.blobs).map(([digest, text]) => [digest, new Uint8Array(Buffer.from(text, 'base64'))]),
  );
  const plan: Plan = { ...saved, blobs };
  if (!isIntact(plan)) return altered(`the plan in "${file}" was altered: its id does not match its content`);
  if (expected !== undefined && !sameId(plan.id, expected))
    return altered(`"${file}" is plan ${plan.id.slice(7, 15)}, not ${expected}`);
  return { ok: true, plan };
}

/** At least the eight digits that screens show. */
export const sameId = (id: Digest, expected: string): boolean => {
  const wanted = expected.replace(/^sha256:/, '');
  return wanted.length >= 8 && id.slice(7).startsWith(wanted);
};

const altered = (summary: string): LoadedPlan => ({
  ok: false,
  problem: { severity: 'error', code: 'RF3002', summary, hint: 'make a new plan: reflake plan --out FILE' },
});

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
