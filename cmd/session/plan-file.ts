// Saves and loads plans: JSON by schemas/plan.schema.json, complete, checked by its own id, private to its owner.

import { resolve } from 'node:path';
import type { Diagnostic } from '../../core/diagnostic.ts';
import type { UserFiles } from '../../core/host/surroundings.ts';
import type { Digest, Owner, Plan } from '../../core/model.ts';
import { isIntact } from '../../core/plan/plan-id.ts';
import { validate } from '../../schemas/validate-plan.gen.mjs';

/** The text of a saved plan: all that an apply of it needs, bytes in base64. */
export function planText(plan: Plan): string {
  const blobs = Object.fromEntries(
    Object.entries(plan.blobs).map(([digest, bytes]) => [digest, Buffer.from(bytes).toString('base64')]),
  );
  return `${JSON.stringify({ ...plan, blobs }, null, 1)}\n`;
}

/** Writes the plan; undefined on success. The file is 0600, since it holds the bytes of the configuration. */
export function savePlan(
  file: string,
  plan: Plan,
  owner: Owner,
  cwd: string,
  files: UserFiles,
): Diagnostic | undefined {
  const written = files.write(resolve(cwd, file), planText(plan), {
    mode: 0o600,
    fresh: false,
    owner,
  });
  return written.ok
    ? undefined
    : { severity: 'error', code: 'RF3004', summary: `the plan cannot be written to "${file}": ${written.why}` };
}

export type LoadedPlan =
  | { readonly ok: true; readonly plan: Plan }
  | { readonly ok: false; readonly problem: Diagnostic };

/** `expected`: the approved id, or its beginning. */
export function loadPlan(file: string, expected: string | undefined, cwd: string, files: UserFiles): LoadedPlan {
  const read = files.read(resolve(cwd, file));
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
