// The reporter for programs: one JSON object per line, by schemas/event.schema.json.

import type { Diagnostic } from '../../../core/diagnostic.ts';
import type { Event, Reporter } from '../../../core/event.ts';
import { wishesIn } from '../../../core/finding.ts';
import type { Finding } from '../../../core/model.ts';
import { jsonLine } from '../escape.ts';
import type { About, Screen } from '../screen.ts';

/** Of the lines: minor is additive, major is breaking. */
const EVENT_FORMAT = '2.4';

/** Between two tellings of how far a step is. */
const PROGRESS_MS = 1000;

/** Prints the version line before the first event. What only points into the spec gets its place. */
export function jsonReporter({ print, about, now }: Pick<Screen, 'print' | 'about' | 'now'>): Reporter {
  let begun = false;
  let last: { readonly text: string; readonly what: string | undefined; readonly at: number } | undefined;
  const line = (value: object): void => print.out(`${jsonLine(value)}\n`);
  /** True where the same step was told a moment ago and says no new thing. */
  const isTooSoon = (event: Event): boolean => {
    if (event.type !== 'progress') return false;
    const { text, doing } = event;
    const isSame = text === last?.text && (doing === undefined || doing.what === last.what);
    if (last !== undefined && isSame && now() - last.at < PROGRESS_MS) return true;
    last = { text, what: doing?.what, at: now() };
    return false;
  };
  return (event) => {
    if (isTooSoon(event)) return;
    if (!begun) line({ type: 'version', format: EVENT_FORMAT });
    begun = true;
    for (const one of published(event, about())) line(one);
  };
}

/** An event as it is published: a plan without its bytes and without its read set; of a partial one without its id. */
function published(event: Event, about: About): readonly object[] {
  const place = (diagnostic: Diagnostic): Diagnostic => placed(diagnostic, diagnostic.pointer, about);
  switch (event.type) {
    case 'planned': {
      const { blobs: _blobs, readSet: _readSet, steps, id, ...plan } = event.plan;
      const shown = steps.map((step) => ({
        ...step,
        findings: step.findings.map((finding): Finding => placed(finding, wishesIn(finding)[0], about)),
      }));
      return [{ type: 'planned', plan: { ...plan, ...(!event.isPartial && { id }), steps: shown } }];
    }
    case 'diagnostic':
      return [{ type: 'diagnostic', diagnostic: place(event.diagnostic) }];
    case 'diagnostics':
      return event.diagnostics.map((diagnostic) => ({ type: 'diagnostic', diagnostic: place(diagnostic) }));
    case 'ended':
      return event.outcome !== undefined && 'cause' in event.outcome
        ? [{ ...event, outcome: { ...event.outcome, cause: event.outcome.cause.map(place) } }]
        : [event];
    default:
      return [event];
  }
}

function placed<T extends Pick<Diagnostic, 'at'>>(one: T, pointer: string | undefined, { locate }: About): T {
  const at = one.at ?? (pointer === undefined ? undefined : locate?.(pointer));
  return at === undefined ? one : { ...one, at };
}
