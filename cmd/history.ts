// reflake history and show: past applies, one of them, or a saved plan.

import type { Diagnostic } from '../core/diagnostic.ts';
import { type Generation, goneThrough, past } from '../core/history.ts';
import { callerOf } from '../core/host/caller.ts';
import type { Edit } from '../core/model.ts';
import { EXIT } from './exit.ts';
import type { GlobalOptions, Io } from './io.ts';
import { loadPlan } from './plan-file.ts';
import { escapeLine, jsonLine } from './report/escape.ts';
import { filesFor, openSession, placeOf, reporterFor } from './session.ts';

export async function historyCommand(options: GlobalOptions, io: Io): Promise<number> {
  const history = past((await placeOf(options, io)).store);
  if (!history.ok) {
    reporterFor('recover', options, io, { file: '', text: '' })({ type: 'diagnostic', diagnostic: history.problem });
    return EXIT.stuck;
  }
  const { generations } = history;
  const gone = goneThrough(generations);
  if (options.format === 'json') {
    io.out(`${jsonLine({ type: 'version', format: '1.0' })}\n`);
    if (gone > 0) io.out(`${jsonLine({ type: 'removed', through: gone })}\n`);
    for (const one of generations) io.out(`${jsonLine({ type: 'generation', ...published(one) })}\n`);
  } else if (generations.length === 0) io.out('No apply yet.\n');
  else {
    if (gone > 0)
      io.out(
        `      ${gone === 1 ? 'apply 1 was' : `applies 1 to ${gone} were`} removed, as --keep and --keep-size say\n`,
      );
    for (const one of generations) io.out(`${row(one)}\n`);
  }
  return EXIT.ok;
}

/** Without a number the newest was meant. */
export function noSuchApply(number: number | undefined, generations: readonly Generation[]): Diagnostic {
  const isGone = number !== undefined && number > 0 && number <= goneThrough(generations);
  const summary = isGone ? `apply ${number} was removed from the history` : `there is no apply ${number}`;
  return {
    severity: 'error',
    code: 'RF3010',
    summary: number === undefined ? 'there was no apply yet' : summary,
    hint: 'look at reflake history',
  };
}

export interface ShowOptions extends GlobalOptions {
  readonly what?: string | undefined;
}

/** A number is an apply, anything else the file of a saved plan; nothing: the newest apply. */
export async function showCommand(options: ShowOptions, io: Io): Promise<number> {
  const report = reporterFor('recover', options, io, { file: '', text: '' });
  if (options.what !== undefined && !/^\d+$/.test(options.what)) return await showPlan(options, options.what, io);
  const history = past((await placeOf(options, io)).store);
  if (!history.ok) {
    report({ type: 'diagnostic', diagnostic: history.problem });
    return EXIT.stuck;
  }
  const found =
    options.what === undefined
      ? history.generations.at(-1)
      : history.generations.find(({ number }) => String(number) === options.what);
  if (found === undefined) {
    report({
      type: 'diagnostic',
      diagnostic: noSuchApply(options.what === undefined ? undefined : Number(options.what), history.generations),
    });
    return EXIT.usage;
  }
  if (options.format === 'json')
    io.out(
      `${jsonLine({ type: 'version', format: '1.0' })}\n${jsonLine({ type: 'generation', ...published(found), edits: found.transaction.batches.flat() })}\n`,
    );
  else
    io.out(
      `${row(found)}\n\n${found.transaction.batches
        .flat()
        .map((edit) => `  ${escapeLine(words(edit))}`)
        .join('\n')}\n`,
    );
  return EXIT.ok;
}

async function showPlan(options: ShowOptions, file: string, io: Io): Promise<number> {
  const loaded = loadPlan(file, undefined, io.cwd, await filesFor(callerOf(io.env)));
  const opened = await openSession('plan', options, io, file);
  const report = opened.ok ? opened.session.report : reporterFor('plan', options, io, { file: '', text: '' });
  if (!loaded.ok) {
    report({ type: 'diagnostic', diagnostic: loaded.problem });
    return EXIT.stale;
  }
  report({ type: 'planned', plan: loaded.plan });
  return EXIT.ok;
}

function row({ number, transaction, finishedAt, undone }: Generation): string {
  const count = transaction.batches.flat().length;
  const what =
    transaction.kind === 'apply'
      ? `apply    plan ${transaction.plan.slice(7, 15)}`
      : `rollback of ${transaction.undoes.join(', ')}`;
  return `${String(number).padStart(4)}  ${finishedAt}  ${what.padEnd(24)} ${count} ${count === 1 ? 'edit' : 'edits'} by ${escapeLine(transaction.by)}${undone ? '  (undone)' : ''}`;
}

const published = ({ number, transaction, finishedAt, undone }: Generation) => {
  const { kind, plan, undoes, startedAt, by, batches } = transaction;
  return { number, kind, plan, undoes, startedAt, finishedAt, by, undone, count: batches.flat().length };
};

function words(edit: Edit): string {
  if (edit.op === 'move') return `move      ${edit.from} -> ${edit.to}`;
  if (edit.op === 'activate')
    return `activate  ${edit.mode} ${edit.target.kind === 'flake' ? edit.target.installable : (edit.target.system.running ?? '')}`;
  const { before, after, path } = edit;
  if (before.type === 'absent') return `create    ${path}`;
  if (after.type === 'absent') return `remove    ${path}`;
  const content = before.type === 'file' && after.type === 'file' && before.content !== after.content;
  return `${content ? 'write   ' : 'own     '}  ${path}`;
}
