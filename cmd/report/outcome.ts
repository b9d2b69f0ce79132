// Texts of an apply, a rollback or a recovery while it runs and when it ends.

import { type Code, entryOf } from '../../core/codes.ts';
import { type Edit, type Kept, keepsContent, type Outcome } from '../../core/model.ts';
import type { AbsPath } from '../../core/path.ts';
import type { Theme } from './colour.ts';
import { nameIn, shortSystem } from './names.ts';
import { type Standing, standingLines } from './standing.ts';
import { padEnd, stringWidth, truncate } from './width.ts';

/** The kind of row that an edit belongs to: a move and an activation have rows of their own. */
export type RowKind = 'move' | 'write' | 'owner' | 'activate';

export function rowKind(edit: Edit): RowKind {
  if (edit.op !== 'put') return edit.op;
  return keepsContent(edit.before, edit.after) ? 'owner' : 'write';
}

/** `✔ write      flake.nix, flake.lock             0.0s`. `edits` are of one kind, at least one. */
export function doneRow(
  kind: RowKind,
  edits: readonly Edit[],
  seconds: number,
  dir: AbsPath | undefined,
  theme: Theme,
): string {
  return row(
    theme.paint('done', theme.show('✔')),
    stringWidth(theme.show('✔')),
    kind,
    rowWords(kind, edits, dir, theme),
    durationOf(seconds),
    theme,
  );
}

/** The row of what failed: `✘ activate   the configuration does not build   41s`. */
export function failedRow(
  outcome: Extract<Outcome, { cause: unknown }>,
  seconds: number,
  theme: Theme,
): string | undefined {
  const error = outcome.cause.find(({ severity }) => severity === 'error') ?? outcome.cause[0];
  if (error === undefined) return undefined;
  const word = entryOf(error.code).during ?? 'write';
  const sign = theme.show('✘');
  return row(
    theme.paint('error', sign),
    stringWidth(sign),
    word,
    theme.show(error.summary),
    durationOf(seconds),
    theme,
  );
}

/** How it ended, and what to do next. */
export interface EndWords {
  readonly verb: 'apply' | 'rollback' | 'recover';
  readonly seconds: number;
  /** Every wish was seen to hold. */
  readonly isInSync: boolean;
  /** The edits undone in this run. */
  readonly undone: readonly Edit[];
  readonly dir?: AbsPath;
  readonly standing?: Standing;
}

/** The last words after the diagnostics of the cause; no line end after the last line. */
export function endingScreen(outcome: Outcome, words: EndWords, theme: Theme): string {
  switch (outcome.status) {
    case 'unchanged':
      return NOTHING[words.verb];
    case 'applied': {
      const time = durationOf(words.seconds);
      const inSync = words.isInSync ? ' In sync.' : '';
      const done = words.verb === 'rollback' ? `Rolled back in ${time}.` : `Applied in ${time}.${inSync}`;
      return words.standing === undefined
        ? `${theme.paint('done', done)} Undo: reflake rollback ${outcome.apply}`
        : [theme.paint('done', done), ...standingLines(words.standing, theme)].join('\n');
    }
    case 'refused':
      return [
        theme.paint('bold', 'Nothing was written.'),
        ...(words.verb === 'apply' && outcome.cause.some(isStale) ? ['Make a new plan: reflake plan'] : []),
      ].join(' ');
    case 'rolled-back':
      return rolledBack(outcome.kept ?? [], words, theme);
    case 'stuck':
      return stuck(outcome.conflicts, words, theme);
  }
}

const NOTHING = {
  apply: 'Nothing to do.',
  rollback: 'Nothing to undo.',
  recover: 'Nothing to recover: no apply was cut off.',
} as const;

const isStale = ({ code }: { readonly code: Code }): boolean => entryOf(code).exit === 'stale';

function rolledBack(kept: readonly Kept[], { verb, undone, dir }: EndWords, theme: Theme): string {
  const count =
    undone.length === 0
      ? 'Nothing had been changed'
      : `${countOf(undone.length, 'edit')} ${undone.length === 1 ? 'was' : 'were'} undone`;
  const state = (name: string, words: string): string => `  ${padEnd(theme.show(name), 40)} ${words}`;
  const states = pathsOf(undone, dir).map((name) => state(name, 'as before'));
  const theirs = kept.map(({ path, beside }) =>
    state(
      nameIn(path, dir),
      theme.paint('error', beside === undefined ? 'left as it is' : `kept as ${theme.show(nameIn(beside, dir))}`),
    ),
  );
  const end =
    kept.length === 0
      ? 'the machine is as it was before.'
      : 'but somebody else had changed something meanwhile, which is kept:';
  const next =
    verb === 'recover'
      ? 'Go on: reflake plan'
      : `Go on: mend the cause, then run reflake plan and reflake ${verb} again`;
  return [
    theme.paint('bold', `${count}; ${end}`),
    ...theirs,
    ...few(states),
    kept.length === 0 ? next : 'Go on: look at what is kept, take over what you need, then run: reflake plan',
  ].join('\n');
}

function stuck(conflicts: readonly AbsPath[], { undone, dir }: EndWords, theme: Theme): string {
  const state = (name: string, words: string): string => `  ${padEnd(theme.show(name), 40)} ${words}`;
  return [
    theme.paint('error', 'Undo could not finish; the journal is kept.'),
    ...conflicts.map((path) => state(nameIn(path, dir), theme.paint('error', 'could not be undone'))),
    ...few(pathsOf(undone, dir).map((name) => state(name, 'as before'))),
    'Go on: mend what is said above, then run: reflake recover',
  ].join('\n');
}

/** `0.4s`, `41s`, `1m12s`, `1h02m`. */
export function durationOf(seconds: number): string {
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  const two = (number: number): string => String(number).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h${two(Math.floor((whole % 3600) / 60))}m`;
}

/** An edit for a log: `write /etc/nixos/flake.nix`. */
export function editWords(edit: Edit, theme: Theme): string {
  switch (edit.op) {
    case 'put':
      return `${rowKind(edit)} ${theme.show(edit.path)}`;
    case 'move':
      return `move ${theme.show(edit.from)} ${theme.show('→')} ${theme.show(edit.to)}`;
    case 'activate':
      return `activate ${theme.show(describeTarget(edit))}`;
  }
}

/** Edits of one kind in a few words: `/etc/nixos → /home/a/cfg`, `flake.nix, flake.lock`, `5 paths`. */
export function rowWords(kind: RowKind, edits: readonly Edit[], dir: AbsPath | undefined, theme: Theme): string {
  const [first] = edits;
  if (first?.op === 'move') return `${theme.show(first.from)} ${theme.show('→')} ${theme.show(first.to)}`;
  if (first?.op === 'activate') return theme.show(describeTarget(first));
  if (kind === 'owner') return countOf(edits.length, 'path');
  const names = pathsOf(edits, dir);
  // What git keeps for itself comes last and as one: nobody reviews it.
  const own = names.filter((name) => name !== '.git' && !name.includes('.git/'));
  return [...own, ...(own.length < names.length ? ['.git'] : [])].map(theme.show).join(', ');
}

function describeTarget({ mode, target }: Extract<Edit, { op: 'activate' }>): string {
  const system = target.kind === 'flake' ? target.installable : (target.system.running ?? target.system.profile);
  return `${mode} ${system === undefined ? 'the system before' : shortSystem(system)}`;
}

function row(sign: string, signWidth: number, label: string, detail: string, right: string, theme: Theme): string {
  const width = Math.min(theme.columns, 80);
  const start = signWidth + 1 + 10 + 1;
  const text = truncate(detail, width - start - 1 - Math.max(6, right.length), theme.show('…'));
  return `${sign} ${padEnd(label, 10)} ${padEnd(text, width - start - Math.max(6, right.length))}${right.padStart(6)}`.trimEnd();
}

const pathsOf = (edits: readonly Edit[], dir: AbsPath | undefined): readonly string[] =>
  edits.flatMap((edit) => {
    if (edit.op === 'activate') return [];
    return [nameIn(edit.op === 'put' ? edit.path : edit.from, dir)];
  });

const MOST = 12;

const few = (lines: readonly string[]): readonly string[] =>
  lines.length <= MOST ? lines : [...lines.slice(0, MOST), `  and ${lines.length - MOST} more as before`];

const countOf = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;
