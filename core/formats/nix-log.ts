// Reads what Nix writes with `--log-format internal-json`: its messages as the plain text that it would print, and what it is
// doing, with names and bytes. Pure; the same for all versions from 2.8 on.

import type { Doing } from '../event.ts';

export interface NixLog {
  /** Takes the next line; the text that Nix would print for it, undefined if nothing. */
  readonly read: (line: string) => string | undefined;
  /** Undefined while Nix says nothing of it, as while it evaluates. */
  readonly doing: () => Doing | undefined;
}

/** The types of activities and results in Nix's logging.hh that are used here. */
const COPY_PATH = 100;
const TRANSFER = 101;
const COPY_PATHS = 103;
const BUILDS = 104;
const BUILD = 105;
const LOG_LINE = 101;
const PROGRESS = 105;
/** The most detailed level (`talkative`) whose activities are shown; deeper ones are steps of single files. */
const MOST_LEVEL = 4;
/** Activities that are remembered, and logs of builds: a process that lies may begin any number. */
const MOST_OPEN = 4096;
const MOST_LOGS = 64;
/** Lines of a log that are remembered, as many as Nix shows. */
const MOST_LINES = 10;

interface Activity {
  readonly type: number;
  readonly text: string;
  readonly isShown: boolean;
  progress: readonly [done: number, expected: number];
  /** The last lines of a build. */
  readonly log?: string[];
}

/** The log of one run. */
export function nixLog(): NixLog {
  const open = new Map<number, Activity>();
  /** The last lines of each build, by its derivation. */
  const logs = new Map<string, string[]>();
  /** Bytes of downloads that have ended. */
  let ended = 0;
  const begin = ({ id, type, level, text, fields }: Line): void => {
    if (!isNumber(id) || !isNumber(type) || open.size >= MOST_OPEN) return;
    const [derivation] = type === BUILD ? listIn(fields) : [];
    if (typeof derivation === 'string') startLog(derivation);
    const words = typeof text === 'string' ? shortened(plain(text)) : '';
    const isShown = words !== '' && isNumber(level) && level <= MOST_LEVEL;
    const log = typeof derivation === 'string' ? logs.get(derivation) : undefined;
    open.set(id, { type, text: words, isShown, progress: [0, 0], ...(log && { log }) });
  };
  const startLog = (derivation: string): void => {
    const [oldest] = logs.keys();
    if (logs.size >= MOST_LOGS && oldest !== undefined) logs.delete(oldest);
    logs.set(derivation, []);
  };
  const end = ({ id }: Line): void => {
    if (!isNumber(id)) return;
    const activity = open.get(id);
    if (activity?.type === TRANSFER) ended += activity.progress[0];
    open.delete(id);
  };
  const goOn = ({ id, type, fields }: Line): void => {
    const activity = isNumber(id) ? open.get(id) : undefined;
    if (activity === undefined) return;
    const [first, second] = listIn(fields);
    if (type === PROGRESS && isNumber(first) && isNumber(second)) activity.progress = [first, second];
    if (type === LOG_LINE && typeof first === 'string' && activity.log !== undefined) {
      activity.log.push(plain(first));
      if (activity.log.length > MOST_LINES) activity.log.shift();
    }
  };
  /** For this format Nix leaves out of the error of a build what the build said. */
  const withLog = (message: string): string => {
    const [, log = []] = [...logs].find(([derivation]) => message.includes(derivation)) ?? [];
    const last = log.at(-1);
    if (last === undefined || message.includes(last)) return message;
    return [message, '       last log lines:', ...log.map((line) => `       > ${line}`)].join('\n');
  };
  return {
    read(line) {
      if (!line.startsWith(MARK)) return plain(line);
      const event = parse(line.slice(MARK.length));
      if (event.action === 'start') begin(event);
      if (event.action === 'stop') end(event);
      if (event.action === 'result') goOn(event);
      if (event.action !== 'msg' || typeof event.msg !== 'string') return undefined;
      return event.level === 0 ? withLog(plain(event.msg)) : plain(event.msg);
    },
    doing() {
      const activities = [...open.values()];
      // Nix begins the download of a step after the step itself, so the youngest says most.
      const shown = activities.findLast(({ isShown }) => isShown);
      if (shown === undefined) return undefined;
      const transfers = activities.filter(({ type }) => type === TRANSFER);
      const bytes = shown.type === TRANSFER ? transfers : shown.type === COPY_PATH ? [shown] : [];
      const counted = activities.findLast(({ type, progress: [, of] }) => isCounter(type) && of > 0);
      return {
        what: shown.text,
        ...(bytes.length > 0 && { bytes: sumOf(bytes, shown.type === TRANSFER ? ended : 0) }),
        ...(counted && { parts: { done: counted.progress[0], of: counted.progress[1] } }),
      };
    },
  };
}

/** A listener to the lines of one run, that tells what Nix is doing after each of them; undefined, once, when it says no more. */
export function listener(tell: (doing: Doing | undefined) => void): (line: string) => void {
  const log = nixLog();
  let isTold = false;
  return (line) => {
    log.read(line);
    const doing = log.doing();
    if (doing !== undefined || isTold) tell(doing);
    isTold = doing !== undefined;
  };
}

/** The options of `nix` that make it write this format. */
export const LOG_OPTIONS = ['--log-format', 'internal-json'] as const;

const MARK = '@nix ';

type Line = Readonly<Record<string, unknown>>;

const isCounter = (type: number): boolean => type === BUILDS || type === COPY_PATHS;

function sumOf(activities: readonly Activity[], before: number): { readonly done: number; readonly of?: number } {
  const done = before + activities.reduce((sum, { progress }) => sum + progress[0], 0);
  const of = before + activities.reduce((sum, { progress }) => sum + progress[1], 0);
  const isKnown = activities.every(({ progress: [, expected] }) => expected > 0) && of >= done;
  return isKnown ? { done, of } : { done };
}

/** Not the hash in a store path, which says nothing to people. */
const shortened = (text: string): string =>
  text.replace(/\/nix\/store\/[0-9a-z]{32}-/g, '').replace(/\.drv(?=['"])/, '');

/** Without the colours that Nix puts into messages even where nobody asked for them. */
const plain = (text: string): string => text.replace(/\u001b\[[0-9;]*m/g, '');

function parse(json: string): Line {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as Line) : {};
  } catch {
    return {};
  }
}

const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0;
