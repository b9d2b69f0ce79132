// reflake validate, schema and explain: the commands that look at no machine.

import { CODES, type Code } from '../../core/codes.ts';
import { isError } from '../../core/diagnostic.ts';
import { closest } from '../../core/spec/suggest.ts';
import eventSchema from '../../schemas/event.schema.json' with { type: 'json' };
import planSchema from '../../schemas/plan.schema.json' with { type: 'json' };
import specSchema from '../../schemas/spec.schema.json' with { type: 'json' };
import { type End, EXIT, exitOfProblems } from '../session/exit.ts';
import type { GlobalOptions, Io, Usage } from '../session/io.ts';
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

/** The page of a code; all codes where none is named. */
export function explainCommand(
  { code }: GlobalOptions & { readonly code?: string | undefined },
  _io: Io,
  { report }: Reporting,
): End {
  const all = Object.keys(CODES) as readonly Code[];
  if (code === undefined) {
    for (const one of all) report({ type: 'code', code: one, title: CODES[one].title });
    return { exit: EXIT.ok };
  }
  const found = all.find((one) => one === code.toUpperCase());
  if (found === undefined) {
    const close = closest(code.toUpperCase(), all);
    throw {
      usage: `unknown code ${JSON.stringify(code)}${close ? `; did you mean ${close}?` : '; reflake explain lists all'}`,
    } satisfies Usage;
  }
  const { title, page } = CODES[found];
  report({ type: 'code', code: found, title, page });
  return { exit: EXIT.ok };
}
