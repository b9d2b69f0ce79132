// reflake validate and schema: commands that look at no machine.

import { isError } from '../../core/diagnostic.ts';
import eventSchema from '../../schemas/event.schema.json' with { type: 'json' };
import planSchema from '../../schemas/plan.schema.json' with { type: 'json' };
import specSchema from '../../schemas/spec.schema.json' with { type: 'json' };
import { type End, EXIT, exitOfProblems } from '../session/exit.ts';
import type { GlobalOptions, Io } from '../session/io.ts';
import type { Reporting } from '../session/run.ts';
import { aboutSpec, findAndLoad } from '../session/session.ts';

/** The spec's errors and warnings with positions. */
export async function validateCommand(options: GlobalOptions, io: Io, { report, learn }: Reporting): Promise<End> {
  const found = await findAndLoad(options, io);
  const sources = found.ok ? { file: found.file, text: found.text, locate: found.spec.locate } : found.sources;
  if (sources !== undefined) learn(aboutSpec(sources));
  report({ type: 'diagnostics', diagnostics: found.ok ? found.spec.diagnostics : found.diagnostics });
  if (!found.ok) return { exit: exitOfProblems(found.diagnostics.filter(isError)) };
  report({ type: 'validated', file: found.file });
  return { exit: EXIT.ok };
}

const SCHEMAS = { spec: specSchema, plan: planSchema, event: eventSchema } as const;

export function schemaCommand(
  { name }: GlobalOptions & { readonly name: keyof typeof SCHEMAS },
  _io: Io,
  { report }: Reporting,
): End {
  report({ type: 'schema', name, schema: SCHEMAS[name] });
  return { exit: EXIT.ok };
}
