// reflake why WISH or PATH: tells one wish whole, or each that a path is about. It judges nothing: check does.

import { resolve } from 'node:path';
import type { JsonPointer } from '../../core/diagnostic.ts';
import type { Why } from '../../core/event.ts';
import { pointerWords, toPointer } from '../../core/formats/json-pointer.ts';
import { leafFrom } from '../../core/leaf.ts';
import { unlessUnreadable } from '../../core/machine/reader.ts';
import type { Plan } from '../../core/model.ts';
import { type AbsPath, absolute, isWithin, ROOT, rebase } from '../../core/path.ts';
import { discreetPlan } from '../../core/plan/caller-may-read.ts';
import type { EvaluatePolicy } from '../../core/plan/deciding.ts';
import { ROOTS } from '../../core/plan/places.ts';
import type { Descriptor } from '../../core/plan/provider.ts';
import type { SeenRecord } from '../../core/seen/record.ts';
import { isUnder, NO_WISH } from '../../core/spec/leaves.ts';
import { closest } from '../../core/spec/suggest.ts';
import { PROVIDERS } from '../../providers/index.ts';
import { type End, EXIT } from '../session/exit.ts';
import type { GlobalOptions, Io, Usage } from '../session/io.ts';
import type { Reporting } from '../session/run.ts';
import { openSession, type Session } from '../session/session.ts';
import { whyOf, wishesAbout, wishesTold, wishesUnder } from '../session/why.ts';

export interface WhyOptions extends GlobalOptions {
  readonly evaluate: EvaluatePolicy;
  /** Looks at the checkout alone. */
  readonly repo: boolean;
  /** A word of the spec, a pointer into it, or a path. */
  readonly what?: string | undefined;
}

export async function whyCommand(options: WhyOptions, io: Io, reporting: Reporting): Promise<End> {
  const { what } = options;
  if (what === undefined || what === '') throw { usage: 'name a wish or a path: reflake why features' } satisfies Usage;
  const opened = await openSession(options, io, reporting);
  if (!opened.ok) return opened.end;
  const { session } = opened;
  const { report, locate } = session;
  for (const diagnostic of session.warnings) report({ type: 'diagnostic', diagnostic });
  const { plan: whole } = await session.plan(report, { bytes: false });
  const { withOrigins } = await import('../checking/origins.ts');
  const record = await recordFor(options, io, report);
  const traced = await withOrigins(whole, session, options, record && { before: record });
  const plan = discreetPlan(traced, session.mayRead);
  const told = meant(what, plan, session, io.cwd);
  if (told.length === 0) throw { usage: unknown(what, plan) } satisfies Usage;
  for (const why of told) {
    const at = locate(why.wish);
    report({ type: 'why', ...why, ...(at && { at }) });
  }
  return { exit: EXIT.ok };
}

/** The record that tells since when; one that can't be used is told, and nothing is known by it. */
async function recordFor({ record }: WhyOptions, io: Io, report: Session['report']): Promise<SeenRecord | undefined> {
  if (record === undefined) return undefined;
  const { recordAt } = await import('../checking/record-file.ts');
  const { before, problem } = await recordAt(record, io);
  if (problem !== undefined) report({ type: 'diagnostic', diagnostic: problem });
  return before;
}

/** A word of the spec first; then a path; then what the spec could ask and does not. */
function meant(what: string, plan: Plan, session: Session, cwd: string): readonly Why[] {
  const named = wishesUnder(what, plan);
  if (named.length > 0) return named.map((wish) => whyOf(wish, plan));
  const about = pathsOf(what, session, cwd).flatMap((path) => wishesAbout(path, plan, writersOf(path, session)));
  if (about.length > 0) return [...new Set(about)].map((wish) => whyOf(wish, plan));
  const known = [...Object.keys(NO_WISH), ...PROVIDERS.flatMap(({ answers }) => answers)];
  const wish = what.startsWith('/') ? what : toPointer(what.split('.'));
  return known.some((one) => isUnder(one, what)) ? [{ wish, state: 'not wished', findings: [], rules: [] }] : [];
}

/** A path of the machine; a relative one is below the configuration, or where the command is run. */
function pathsOf(what: string, { root, wishes: { dir } }: Session, cwd: string): readonly AbsPath[] {
  if (what.startsWith('/')) return [absolute(resolve(what))];
  const here = absolute(resolve(cwd, what));
  const onMachine = isWithin(here, root) ? rebase(here, root, ROOT) : undefined;
  return [absolute(resolve(dir, what)), ...(onMachine === undefined ? [] : [onMachine])];
}

/** The providers that read their answer from the file, or may write it, as it is there. */
function writersOf(path: AbsPath, { host, wishes }: Session): readonly Descriptor[] {
  const born = wishes.owner ?? ROOTS;
  const ground = { wishes, reader: host, blobs: {}, moves: [], born };
  const readers = PROVIDERS.filter(({ readsFrom }) => unlessUnreadable(() => readsFrom?.(path, ground)) ?? false);
  const there = unlessUnreadable(() => host.stat(path));
  if (there?.type !== 'file') return readers;
  const { mode, owner } = there;
  const entry = { type: 'file', mode, owner } as const;
  const put = { op: 'put', path, before: entry, after: entry } as const;
  const about = { ...ground, edits: [put] };
  const writers = PROVIDERS.filter(({ mayWrite }) => unlessUnreadable(() => mayWrite?.(put, about)) ?? false);
  return [...readers, ...writers];
}

function unknown(what: string, plan: Plan): string {
  const words = [...new Set(wishesTold(plan).flatMap(wordsOf))];
  const close = closest(what.startsWith('/') ? pointerWords(what) : what, words, 3);
  const first = [...new Set(words.map((word) => word.split('.')[0]!))];
  const help = close === undefined ? `; the words of the spec are ${first.join(', ')}` : `; did you mean ${close}?`;
  return `no wish is ${JSON.stringify(what)}, and nothing that is found lies there${help}`;
}

/** `config.owner` and `config`; of a host's wish those with the host too. */
function wordsOf(key: JsonPointer): readonly string[] {
  const whole = [key, leafFrom(key).wish].map((pointer) => pointer.split('/').slice(1));
  return whole.flatMap((keys) => keys.map((_, at) => pointerWords(toPointer(keys.slice(0, at + 1)))));
}
