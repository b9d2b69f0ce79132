// The reporter for programs: one JSON object per line, by schemas/event.schema.json.

import type { Diagnostic, JsonPointer, SourceRange } from '../../core/diagnostic.ts';
import type { Event, Reporter } from '../../core/model.ts';
import { jsonLine } from './escape.ts';

/** Of the lines: minor is additive, major is breaking. */
export const EVENT_FORMAT = '1.0';

/** Prints the version line before the first event. Diagnostics that only point into the spec get their place. */
export function jsonReporter({
  print,
  locate,
}: {
  readonly print: (line: string) => void;
  readonly locate?: (pointer: JsonPointer) => SourceRange | undefined;
}): Reporter {
  let begun = false;
  const line = (value: object): void => print(`${jsonLine(value)}\n`);
  return (event) => {
    if (!begun) line({ type: 'version', format: EVENT_FORMAT });
    begun = true;
    line(published(event, (diagnostic) => placed(diagnostic, locate)));
  };
}

/** An event as it is published: a plan without its bytes and without what it relies on. */
function published(event: Event, place: (diagnostic: Diagnostic) => Diagnostic): object {
  switch (event.type) {
    case 'planned': {
      const { blobs: _blobs, witnesses: _witnesses, steps, ...plan } = event.plan;
      return {
        type: 'planned',
        plan: { ...plan, steps: steps.map((step) => ({ ...step, diagnostics: step.diagnostics.map(place) })) },
      };
    }
    case 'diagnostic':
      return { type: 'diagnostic', diagnostic: place(event.diagnostic) };
    case 'finished':
      return 'cause' in event.outcome
        ? { type: 'finished', outcome: { ...event.outcome, cause: event.outcome.cause.map(place) } }
        : event;
    default:
      return event;
  }
}

function placed(
  diagnostic: Diagnostic,
  locate: ((pointer: JsonPointer) => SourceRange | undefined) | undefined,
): Diagnostic {
  const at = diagnostic.at ?? (diagnostic.pointer === undefined ? undefined : locate?.(diagnostic.pointer));
  return at === undefined ? diagnostic : { ...diagnostic, at };
}
