// The reporter for people: screens and rows on a terminal, one fact per line in a log.

import type { Diagnostic } from '../../core/diagnostic.ts';
import type { Event, Examined, Left, Reporter } from '../../core/event.ts';
import { isBlocked, isEmpty, problemsOf, tallyOf } from '../../core/finding.ts';
import type { Edit, Outcome, Plan } from '../../core/model.ts';
import { type Counts, tallyWords } from '../../core/verdict.ts';
import { themeOf } from './colour.ts';
import { comparedLog, comparedScreen } from './compared.ts';
import { diagnosticLog, diagnosticScreen, diagnosticsScreen, type Sources, sortByPlace } from './diagnostic.ts';
import { examinedCount, examinedLine, examinedRow } from './examined.ts';
import { liveLine } from './live.ts';
import {
  acknowledgedLines,
  applyRow,
  codeText,
  ejectedLine,
  historyLine,
  hostRow,
  initialisedLine,
  leftLine,
  leftRow,
  newsLines,
  removedLine,
  surveyLines,
} from './others.ts';
import { doneRow, editWords, endingScreen, failedRow, type RowKind, rowKind, rowWords } from './outcome.ts';
import { driftLine, idLines, inSyncLine, knownLines, planLog, planScreen } from './plan.ts';
import { proofLog, proofScreen } from './proof.ts';
import type { Screen } from './screen.ts';
import { statusLog, statusScreen } from './status.ts';
import { whyLog, whyScreen } from './why.ts';

/** Prints nothing before the first event, and leaves no half-drawn line after `ended` or `planned`. */
export function humanReporter(options: Screen): Reporter {
  const { print, tty, quiet, verbose, now } = options;
  const looks = {
    out: themeOf({ colour: options.colour.out, ascii: options.ascii, columns: options.columns }),
    err: themeOf({ colour: options.colour.err, ascii: options.ascii, columns: options.columns }),
  };
  const sources: Sources = {
    source: (file) => options.about().source(file),
    locate: (pointer) => options.about().locate?.(pointer),
  };
  let hasWritten = false;
  const leaving = (): string =>
    options.verb === 'recover'
      ? 'Ctrl-C stops; reflake recover goes on.'
      : hasWritten
        ? 'Ctrl-C stops, and undoes what was done.'
        : 'Ctrl-C leaves; nothing is changed.';
  const live = liveLine(options, print.err, tty.err && !quiet, looks.err, leaving);
  /** What was told last with -v. */
  let told = '';
  let begun = now();
  let last = begun;
  /** After a plan somebody may think about it for an hour: the clock starts again with the next event. */
  let waiting = false;
  let saidInSync = false;
  /** Who wants the news alone is told no count. */
  let saidNews = false;
  let theme = '';
  let buckets = new Map<RowKind, { readonly edits: Edit[]; seconds: number }>();
  const undone: Edit[] = [];
  const examined: Examined[] = [];
  const left: Left[] = [];
  const removed: Extract<Event, { type: 'removed' }>[] = [];

  const out = (text: string): void => {
    live.clear();
    if (text !== '') print.out(`${text}\n`);
  };
  const err = (text: string): void => {
    live.clear();
    if (text !== '') print.err(`${text}\n`);
  };
  const problem = (diagnostic: Diagnostic): void => {
    if (quiet && diagnostic.severity !== 'error') return;
    err(
      tty.err ? `${diagnosticScreen(diagnostic, looks.err, sources)}\n` : diagnosticLog(diagnostic, looks.err, sources),
    );
  };
  /** On a terminal the worst ten; in a log so many. */
  const problems = (diagnostics: readonly Diagnostic[], most = Number.POSITIVE_INFINITY): void => {
    const shown = quiet ? diagnostics.filter(({ severity }) => severity === 'error') : diagnostics;
    if (tty.err && shown.length > 0) err(`${diagnosticsScreen(shown, looks.err, sources)}\n`);
    else for (const diagnostic of sortByPlace(shown, sources).slice(0, most)) problem(diagnostic);
    if (!tty.err && shown.length > most) err(`and ${shown.length - most} more`);
  };
  const elapsed = (): number => {
    const before = last;
    last = now();
    return (last - before) / 1000;
  };
  const rows = (): void => {
    for (const [kind, { edits, seconds }] of buckets) {
      const { dir } = options.about();
      if (quiet) break;
      if (tty.err) err(doneRow(kind, edits, seconds, dir, looks.err));
      // The others were said one by one.
      else if (kind === 'owner' && !verbose) err(`edit owner ${rowWords(kind, edits, dir, looks.err)}`);
    }
    buckets = new Map();
  };

  const said = (text: string): void => {
    if (text !== told) err(looks.err.paint('dim', looks.err.show(text)));
    told = text;
  };

  const planned = (plan: Plan, isPartial: boolean): void => {
    const { spec, dir, saved, locate, diff } = options.about();
    const words = {
      spec,
      isPartial,
      // A check is read for the reasons, so it gives them.
      verbose: verbose || options.verb === 'check',
      isApplying: options.verb === 'apply' || options.verb === 'rollback',
      ...(dir && { dir }),
      ...(saved && { saved }),
      ...(locate && { locate }),
    };
    const empty = isEmpty(plan);
    live.clear();
    if (!empty && !quiet) out(tty.out ? `${planScreen(plan, words, looks.out)}\n` : planLog(plan, words, looks.out));
    // Whoever is asked about a plan, or wanted it written, knows that there is one.
    else if (!empty && quiet && !words.isApplying) out(driftLine(plan, words, looks.out));
    problems(problemsOf(plan));
    if (empty && !isBlocked(plan)) {
      const { undecided, differ, blocked } = tallyOf(plan);
      // Wishes that do not hold are told even with -q, so that nobody takes them for held.
      if (!quiet || undecided + differ + blocked > 0) out(inSyncLine(plan, spec, (now() - begun) / 1000, looks.out));
      saidInSync = true;
    }
    if (!quiet) err(knownLines(plan, looks.err));
    if (verbose && !quiet) err(idLines(plan, looks.err));
    if (!empty && diff !== undefined) out(`\n${diff(plan, looks.out)}`);
    waiting = true;
  };

  const wrote = ({ edit, index, total }: Extract<Event, { type: 'edited' | 'undone' }>): void => {
    hasWritten = true;
    const kind = rowKind(edit);
    if (kind === 'move' || kind === 'activate') rows();
    if (!tty.err && !quiet && (verbose || kind !== 'owner'))
      err(`edit ${index + 1}/${total} ${editWords(edit, looks.err)}`);
    const bucket = buckets.get(kind) ?? { edits: [], seconds: 0 };
    bucket.edits.push(edit);
    bucket.seconds += elapsed();
    buckets.set(kind, bucket);
    if (kind === 'move' || kind === 'activate' || index + 1 === total) rows();
    else live.draw(() => ({ text: `${editWords(edit, looks.err)} (${index + 1}/${total})` }));
  };

  const finished = (outcome: Outcome, verdicts: Counts | undefined): void => {
    rows();
    const verb = options.verb === 'rollback' || options.verb === 'recover' ? options.verb : 'apply';
    const { dir, standing } = options.about();
    const seconds = (now() - begun) / 1000;
    if ('cause' in outcome) {
      const failed =
        outcome.status === 'refused' || outcome.cause.every(({ severity }) => severity !== 'error')
          ? undefined
          : failedRow(outcome, elapsed(), looks.err);
      if (failed !== undefined && tty.err) err(`${failed}\n`);
      problems(outcome.cause);
    }
    const isInSync =
      verdicts !== undefined &&
      verdicts.hold === verdicts.wishes &&
      verdicts.leftOut === 0 &&
      verdicts.notChecked === undefined &&
      verdicts.expected === undefined &&
      verdicts.acknowledged === undefined &&
      !('kept' in outcome);
    const good = outcome.status === 'unchanged' || outcome.status === 'applied';
    // The plan has told this already.
    if (good && (quiet || (saidInSync && outcome.status === 'unchanged'))) {
      live.clear();
      return;
    }
    const ending = endingScreen(
      outcome,
      { verb, seconds, undone, isInSync, ...(dir && { dir }), ...(standing && { standing }) },
      good ? looks.out : looks.err,
    );
    if (good) out(ending);
    else err(ending);
  };

  const ended = ({ outcome, verdicts, cancelled, exit }: Extract<Event, { type: 'ended' }>): void => {
    live.clear();
    if (cancelled && !quiet) err('Cancelled. Nothing was changed.');
    if (outcome !== undefined) finished(outcome, verdicts);
    if (options.verb === 'eject' && !quiet && (exit === 0 || removed.length > 0)) out(ejectedLine(left, removed));
    if (examined.length > 0 && !quiet) out(`${tty.out ? '\n' : ''}${examinedCount(examined)}`);
    // Undecided wishes are told even with -q.
    const isOpen = verdicts !== undefined && verdicts.undecided > 0 && !saidInSync;
    if (verdicts !== undefined && !saidNews && (!quiet || isOpen)) out(tallyWords(verdicts));
  };

  return (event) => {
    if (waiting) {
      begun = now();
      last = begun;
      waiting = false;
    }
    if (options.about().onlyNews) return;
    switch (event.type) {
      case 'planned':
        return planned(event.plan, event.isPartial ?? false);
      case 'edited':
        return wrote(event);
      case 'undone':
        rows();
        undone.push(event.edit);
        if (!tty.err && !quiet && (verbose || rowKind(event.edit) !== 'owner'))
          err(`undo ${editWords(event.edit, looks.err)}`);
        else if (!quiet) live.draw(() => ({ text: `undo ${editWords(event.edit, looks.err)}` }));
        return;
      case 'diagnostic':
        return problem(event.diagnostic);
      case 'progress':
        if (quiet) return;
        if (verbose) said(event.doing?.what ?? event.text);
        live.draw(() => event);
        return;
      case 'diagnostics':
        return problems(event.diagnostics, MOST);
      case 'history':
        return out(historyLine(event));
      case 'apply': {
        out(applyRow(event));
        const { pastDiff } = options.about();
        return event.edits !== undefined && pastDiff !== undefined ? out(`\n${pastDiff(looks.out)}`) : undefined;
      }
      case 'surveyed':
        return quiet ? undefined : err(surveyLines(event));
      case 'initialised':
        return out(initialisedLine(event));
      case 'acknowledged':
        return out(
          acknowledgedLines(event)
            .map((line) => looks.out.show(line))
            .join('\n'),
        );
      case 'examined':
        examined.push(event);
        if (quiet && event.state === 'good') return;
        return out((tty.out ? examinedRow : examinedLine)(event, looks.out));
      case 'left':
        left.push(event);
        return quiet ? undefined : out((tty.out ? leftRow : leftLine)(event, looks.out));
      case 'removed':
        removed.push(event);
        return quiet || tty.out ? undefined : out(removedLine(event, looks.out));
      case 'status':
        return out((tty.out ? statusScreen : statusLog)(event, looks.out));
      case 'why':
        return out((tty.out ? whyScreen : whyLog)(event, options.about(), looks.out));
      case 'news': {
        saidNews = true;
        return out(newsLines(event, { spec: options.about().spec, quiet, verbose }, looks.out).join('\n'));
      }
      case 'proved': {
        const { proof, seconds } = event;
        const words = { verbose, isPlanned: options.verb !== 'same', ...(seconds && { seconds }) };
        return out(tty.out ? `${proofScreen(proof, words, looks.out)}\n` : proofLog(proof, looks.out));
      }
      case 'compared':
        return out(tty.out ? `${comparedScreen(event, looks.out)}\n` : comparedLog(event, looks.out));
      case 'validated':
        return quiet ? undefined : out(`${looks.out.show(event.file)} is valid.`);
      case 'host':
        return out(hostRow(event));
      case 'schema':
        return out(JSON.stringify(event.schema, null, 2));
      case 'text':
        return out(event.text.trimEnd());
      case 'code':
        // The codes of a theme follow each other.
        if (event.page === undefined && event.theme !== theme) out(`${theme === '' ? '' : '\n'}About ${event.theme}:`);
        ({ theme } = event);
        return out(codeText(event, looks.out.columns));
      case 'ended':
        return ended(event);
    }
  };
}

/** Nobody reads more mistakes of one text at once. */
const MOST = 10;
