// Decides whether a stream gets colours and symbols, and writes both.

import { styleText } from 'node:util';
import { escapeLine, escapeText } from './escape.ts';

export interface Stream {
  readonly isTTY?: boolean;
}
type Env = Readonly<Record<string, string | undefined>>;

/**
 * The first that is set decides: --color, NO_COLOR (not empty), FORCE_COLOR, CLICOLOR_FORCE, CLICOLOR=0, TERM=dumb, the stream.
 */
export function wantColor(stream: Stream, env: Env, flag: 'auto' | 'always' | 'never' = 'auto'): boolean {
  if (flag !== 'auto') return flag === 'always';
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR !== undefined) return !['0', 'false'].includes(env.FORCE_COLOR);
  if (env.CLICOLOR_FORCE !== undefined && env.CLICOLOR_FORCE !== '0') return true;
  if (env.CLICOLOR === '0' || env.TERM === 'dumb') return false;
  return stream.isTTY === true;
}

/** --ascii, or a locale that says it is not UTF-8. No locale at all says nothing. */
export function wantAscii(env: Env, flag: boolean | undefined): boolean {
  if (flag !== undefined) return flag;
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return locale !== '' && !/utf-?8/i.test(locale);
}

export type Style = 'add' | 'change' | 'remove' | 'act' | 'error' | 'warning' | 'note' | 'dim' | 'bold' | 'done';

const FORMATS = {
  add: 'green',
  change: 'yellow',
  remove: 'red',
  act: 'magenta',
  error: ['bold', 'red'],
  warning: ['bold', 'yellow'],
  note: ['bold', 'cyan'],
  dim: 'dim',
  bold: 'bold',
  done: 'green',
} as const satisfies Record<Style, unknown>;

/** How a screen is drawn. Every text of others goes through `show` (one line) or `showText` before it is laid out. */
export interface Theme {
  readonly columns: number;
  readonly ascii: boolean;
  paint(style: Style, text: string): string;
  show(text: string): string;
  showText(text: string): string;
}

const NARROWEST = 40;
/** Wider lines are hard to follow. */
const WIDEST = 100;

/** `columns` 0 or undefined: unknown, as in a pipe. */
export function themeOf({
  colour,
  ascii,
  columns,
}: {
  colour: boolean;
  ascii: boolean;
  columns: number | undefined;
}): Theme {
  const plain = ascii ? toAscii : (text: string): string => text;
  return {
    columns: Math.min(WIDEST, Math.max(NARROWEST, columns || 80)),
    ascii,
    // validateStream is off, or styleText would look at stdout and the environment itself and overrule --color.
    paint: (style, text) =>
      colour && text !== '' ? styleText(FORMATS[style] as 'red', text, { validateStream: false }) : text,
    show: (text) => plain(escapeLine(text)),
    showText: (text) => plain(escapeText(text)),
  };
}

const ASCII: Readonly<Record<string, string>> = {
  '→': '->',
  '·': '-',
  '…': '...',
  '✔': 'ok',
  '✘': 'FAILED',
  '↶': 'undo',
  '‘': "'",
  '’': "'",
  '“': '"',
  '”': '"',
  '–': '-',
  '—': '-',
};

const toAscii = (text: string): string =>
  text.replace(/[^\u0000-\u007f]/gu, (char) => ASCII[char] ?? `\\u{${char.codePointAt(0)!.toString(16)}}`);
