// reflake validate, schema and explain: what can be said without looking at the machine.

import { CODES } from '../core/codes.ts';
import { closest } from '../core/suggest.ts';
import eventSchema from '../schemas/event.schema.json' with { type: 'json' };
import planSchema from '../schemas/plan.schema.json' with { type: 'json' };
import specSchema from '../schemas/spec.schema.json' with { type: 'json' };
import { EXIT, exitOfProblems } from './exit.ts';
import type { GlobalOptions, Io } from './io.ts';
import { escapeLine } from './report/escape.ts';
import { findAndLoad, reporterFor } from './session.ts';

/** The spec's errors and warnings with positions. */
export async function validateCommand(options: GlobalOptions, io: Io): Promise<number> {
  const found = await findAndLoad(options, io);
  const sources = found.ok
    ? { file: found.file, text: found.text, locate: found.spec.locate }
    : (found.sources ?? { file: '', text: '' });
  const report = reporterFor('check', options, io, sources);
  const diagnostics = found.ok ? found.spec.diagnostics : found.diagnostics;
  for (const diagnostic of diagnostics) report({ type: 'diagnostic', diagnostic });
  if (!found.ok)
    return found.diagnostics.some(({ code }) => code === 'RF1001') ? EXIT.error : exitOfProblems(found.diagnostics);
  if (options.format === 'json' && diagnostics.length === 0)
    io.out(`${JSON.stringify({ type: 'version', format: '1.0' })}\n`);
  if (options.format === 'human' && !options.quiet) io.out(`${escapeLine(found.file)} is valid.\n`);
  return EXIT.ok;
}

const SCHEMAS = { spec: specSchema, plan: planSchema, event: eventSchema } as const;

export function schemaCommand({ name }: { readonly name: keyof typeof SCHEMAS }, io: Io): number {
  io.out(`${JSON.stringify(SCHEMAS[name], null, 2)}\n`);
  return EXIT.ok;
}

/** The page of a code; all codes where none is named. */
export function explainCommand({ code }: { readonly code?: string | undefined }, io: Io): number {
  const all = Object.entries(CODES);
  if (code === undefined) {
    io.out(`${all.map(([name, { title }]) => `${name}  ${title}`).join('\n')}\n`);
    return EXIT.ok;
  }
  const found = all.find(([name]) => name === code.toUpperCase());
  if (found === undefined) {
    const close = closest(
      code.toUpperCase(),
      all.map(([name]) => name),
    );
    io.err(
      `error: unknown code ${escapeLine(JSON.stringify(code))}${close ? `; did you mean ${close}?` : '; reflake explain lists all'}\n`,
    );
    return EXIT.usage;
  }
  const [name, { title, page }] = found;
  io.out(`${name}: ${title}\n\n${page}\n`);
  return EXIT.ok;
}
