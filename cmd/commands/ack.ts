// reflake ack [ID…] | --all: adds what a check finds today to the acknowledgements of the spec. Writes the spec, and nothing else.

import { resolve } from 'node:path';
import type { Diagnostic } from '../../core/diagnostic.ts';
import { isDay } from '../../core/formats/end-of-support.ts';
import { callerOf } from '../../core/host/process/caller.ts';
import { type Identified, openIn } from '../../core/plan/acknowledge.ts';
import type { EvaluatePolicy } from '../../core/plan/deciding.ts';
import { type Ack, ackLines, withAcks } from '../../core/spec/with-acks.ts';
import { type End, EXIT } from '../session/exit.ts';
import { filesFor } from '../session/files.ts';
import type { GlobalOptions, Io, Usage } from '../session/io.ts';
import type { Reporting } from '../session/run.ts';
import { openSession } from '../session/session.ts';

export interface AckOptions extends GlobalOptions {
  readonly evaluate: EvaluatePolicy;
  /** The id of a finding, or its first digits. */
  readonly finding?: string | undefined;
  readonly all: boolean;
  /** What is found in the checkout alone. */
  readonly repo: boolean;
  readonly reason?: string | undefined;
  readonly until?: string | undefined;
  readonly by?: string | undefined;
}

export async function ackCommand(options: AckOptions, io: Io, reporting: Reporting): Promise<End> {
  const { all, finding, reason = '', until, by } = options;
  if ((finding !== undefined) === all) throw { usage: 'name a finding by its id, or say --all' } satisfies Usage;
  if (reason.trim() === '') throw { usage: 'say why it is accepted: --reason TEXT' } satisfies Usage;
  if (until !== undefined) mustBeDay(until);
  const opened = await openSession(options, io, reporting);
  if (!opened.ok) return opened.end;
  const { session } = opened;
  const { report, specFile: file, specText: text } = session;
  const { plan } = await session.plan(report, { bytes: false });
  const open = openIn(plan);
  const chosen = all ? open : open.filter(({ id }) => id.startsWith(wholeOf(finding ?? '')));
  if (chosen.length === 0 && !all) throw { usage: notFound(finding ?? '', open) } satisfies Usage;
  if (chosen.length > 1 && !all)
    throw { usage: `${finding} is the beginning of ${chosen.length} ids; give more digits` } satisfies Usage;
  const added = chosen.map(({ id }): Ack => ({ finding: id, reason, ...(by && { by }), ...(until && { until }) }));
  const told = { type: 'acknowledged', file, findings: chosen, reason, ...(until && { until }) } as const;
  if (added.length === 0) {
    report(told);
    return { exit: EXIT.ok };
  }
  const refuse = (problem: Pick<Diagnostic, 'summary' | 'hint' | 'snippet'>): End => {
    report({ type: 'diagnostic', diagnostic: { severity: 'error', code: 'RF1017', ...problem } });
    return { exit: EXIT.error };
  };
  const made = await withAcks(file, text, added);
  const byHand = { hint: 'add these lines by hand', snippet: ackLines(added) };
  if (made === undefined)
    return refuse({ summary: `"${file}" has a form in which the list cannot be extended safely`, ...byHand });
  const caller = callerOf(io.env);
  const files = await filesFor(caller);
  const target = resolve(io.cwd, file);
  const { type, mode, uid, gid } = files.waypoint(target);
  // rename(2) would put a file in the place of the link.
  if (type === 'link') return refuse({ summary: `"${file}" is a link`, hint: 'name the file itself with --spec' });
  const now = files.read(target);
  if (!now.ok || now.text !== text)
    return refuse({ summary: `"${file}" was changed meanwhile`, hint: 'run the command again' });
  const written = files.write(target, made, { mode, fresh: false, owner: { uid, gid } });
  if (!written.ok) return refuse({ summary: `"${file}" cannot be written: ${written.why}`, ...byHand });
  report(told);
  return { exit: EXIT.ok };
}

const wholeOf = (typed: string): string => (typed.startsWith('sha256:') ? typed : `sha256:${typed}`);

/** Throws usage unless there is such a day, and it is not over. */
function mustBeDay(until: string): void {
  if (!isDay(until))
    throw { usage: `--until: ${JSON.stringify(until)} is no day; write it as 2027-03-01` } satisfies Usage;
  if (until < new Date().toISOString().slice(0, 10)) throw { usage: `--until: ${until} is over` } satisfies Usage;
}

function notFound(typed: string, open: readonly Identified[]): string {
  const known = open.slice(0, 5).map(({ id, wish }) => `${id.slice(0, 19)} (${wish})`);
  return open.length === 0
    ? 'nothing is found that could be acknowledged'
    : `no finding has the id ${JSON.stringify(typed)}; there are ${known.join(', ')}${open.length > 5 ? ', …' : ''}`;
}
