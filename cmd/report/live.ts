// The live line: says what is being done and for how long. On a terminal one line is drawn over and over, also while nothing
// arrives; in a log a line comes every 30 s. After a minute it says what a waiting user can do.

import type { Doing } from '../../core/event.ts';
import type { Theme } from './colour.ts';
import { durationOf } from './outcome.ts';
import type { Screen } from './screen.ts';
import { stringWidth, truncate, wrap } from './width.ts';

/** A step as it is now. `doing`: what the program that does it says. */
export interface Step {
  readonly text: string;
  readonly doing?: Doing;
}

export interface Live {
  /** Shows the step from now on; asked for its words only when they are shown. */
  readonly draw: (step: () => Step) => void;
  /** Leaves nothing of it; whatever is printed next begins a line. */
  readonly clear: () => void;
}

/** `leaving`: what Ctrl-C would do at this moment, in words. */
export function liveLine(
  { now, every }: Pick<Screen, 'now' | 'every'>,
  print: (text: string) => void,
  isTerminal: boolean,
  theme: Theme,
  leaving: () => string,
): Live {
  const frames = theme.ascii ? ASCII_FRAMES : FRAMES;
  let step: (() => Step) | undefined;
  let stop: (() => void) | undefined;
  let frame = 0;
  let drawn = false;
  /** When something was last printed; when the present wait began; when the step last said something new. */
  let [spoken, begun, changed] = [now(), now(), now()];
  let isHinted = false;
  let last = '';

  const show = (): void => {
    if (step === undefined) return;
    const time = now();
    const seconds = durationOf((time - begun) / 1000);
    if (isTerminal ? drawn && time - spoken < REDRAW_MS : time - spoken < HEARTBEAT_MS) return;
    const shown = step();
    const news = JSON.stringify(shown);
    if (news !== last) changed = time;
    last = news;
    if (!isTerminal) print(`... ${wholeWords(shown, theme)} (${seconds})\n`);
    if (!isHinted && time - begun >= HINT_MS) {
      isHinted = true;
      const words = hint(shown, time - changed, leaving());
      const lines = isTerminal ? wrap(words, theme.columns) : [words];
      print(`${isTerminal ? '\r\u001b[K' : ''}${lines.map((line) => theme.paint('dim', line)).join('\n')}\n`);
    }
    if (isTerminal) {
      const head = `${frames[frame++ % frames.length]} `;
      const line = shortWords(shown, theme.columns - stringWidth(head) - seconds.length - 2, theme);
      print(`\r\u001b[K${head}${line} ${theme.paint('dim', seconds)}`);
      drawn = true;
    }
    spoken = time;
  };
  return {
    draw(next) {
      if (step === undefined && isTerminal) [begun, changed] = [now(), now()];
      step = next;
      stop ??= every(isTerminal ? REDRAW_MS : TICK_MS, show);
      show();
    },
    clear() {
      if (drawn) print('\r\u001b[K');
      stop?.();
      [stop, step, drawn, isHinted] = [undefined, undefined, false, false];
      [spoken, begun, changed] = [now(), now(), now()];
    },
  };
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const ASCII_FRAMES = ['|', '/', '-', '\\'];
const REDRAW_MS = 80;
const TICK_MS = 1000;
const HEARTBEAT_MS = 30_000;
const HINT_MS = 60_000;

/** For a line of its own: the step, what is being done, and how much of it. */
function wholeWords({ text, doing }: Step, theme: Theme): string {
  if (doing === undefined) return theme.show(text);
  return [`${theme.show(text)}: ${theme.show(doing.what)}`, ...amounts(doing)].join(', ');
}

/** In so many cells: what is being done loses its end first, never the amounts. */
function shortWords({ text, doing }: Step, width: number, theme: Theme): string {
  const amount = doing === undefined ? '' : amounts(doing).join(', ');
  const room = width - (amount === '' ? 0 : stringWidth(amount) + 2);
  const words = truncate(theme.show(doing?.what ?? text), Math.max(0, room), theme.show('…'));
  return amount === '' ? words : `${words}  ${amount}`;
}

function amounts({ bytes, parts }: Doing): readonly string[] {
  return [
    ...(parts === undefined ? [] : [`${parts.done}/${parts.of}`]),
    ...(bytes === undefined
      ? []
      : [bytes.of === undefined ? sizeOf(bytes.done) : `${sizeOf(bytes.done)} of ${sizeOf(bytes.of)}`]),
  ];
}

/** `1.2 MiB`. */
export function sizeOf(bytes: number): string {
  const unit = UNITS.findLastIndex((_, power) => bytes >= 1024 ** power);
  return unit <= 0 ? `${bytes} B` : `${(bytes / 1024 ** unit).toFixed(1)} ${UNITS[unit]}`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `silence`: milliseconds in which the step said nothing new. */
function hint({ doing }: Step, silence: number, leaving: string): string {
  if (silence >= HINT_MS / 2 && doing?.bytes !== undefined)
    return `hint: nothing arrives; look at the network. ${leaving}`;
  if (doing?.bytes !== undefined)
    return `hint: a slow network? What has arrived whole is kept for the next run. ${leaving}`;
  return `hint: this takes more than a minute. ${leaving}`;
}
