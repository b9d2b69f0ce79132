// Keeps root's output from telling its caller the text of files that the caller can't read: judges by the entries on the way to
// a file (pure), and gives the words to say instead.

import { CODES } from '../codes.ts';
import type { Diagnostic } from '../diagnostic.ts';
import type { Event, Reporter } from '../event.ts';
import { follow } from '../machine/follow-links.ts';
import type { Reader } from '../machine/reader.ts';
import { type Edit, type Entry, type Finding, type Move, type Plan, type Put, undoOf } from '../model.ts';
import { type AbsPath, absolute, parent, ROOT, rebase } from '../path.ts';
import { editsOf } from './edits.ts';
import { type Overlay, overlay } from './overlay.ts';

/** The reader of the output, with the ids of the machine. */
export interface Listener {
  readonly uid: number;
  readonly gids: readonly number[];
}

/** True if the listener can read the file at a path of the machine. */
export type MayRead = (path: AbsPath) => boolean;

/** For root itself, and for an ordinary user's process, which reads no more than the user can. */
export const SEES_ALL: MayRead = () => true;

/**
 * By mode bits: each directory on `way` can be passed through, and `end` be read. What is absent has no text to hide. An ACL
 * that takes a right from the owning group is not seen: its mask stands in the mode.
 */
export function isReadable(way: readonly Entry[], end: Entry, listener: Listener): boolean {
  return way.every((entry) => allows(entry, 1, listener)) && allows(end, 4, listener);
}

function allows(entry: Entry, bit: 1 | 4, { uid, gids }: Listener): boolean {
  if (uid === 0 || entry.type === 'absent' || entry.type === 'link') return true;
  const shift = entry.owner.uid === uid ? 6 : gids.includes(entry.owner.gid) ? 3 : 0;
  return ((entry.mode >> shift) & bit) !== 0;
}

/** The judgement on the machine that `reader` shows. A path that we can't look at is closed. Nothing is cached. */
export const mayReadOn =
  (reader: Pick<Reader, 'stat'>, listener: Listener): MayRead =>
  (path) => {
    if (listener.uid === 0) return true;
    try {
      const { path: end, entry } = follow(reader, path);
      // Both ways count: that of the name, and that of the target of its links.
      const way = [...above(path), ...above(end)].map((dir) => follow(reader, dir).entry);
      return isReadable(way, entry, listener);
    } catch {
      return false;
    }
  };

function above(path: AbsPath): readonly AbsPath[] {
  const dirs: AbsPath[] = [];
  for (let dir = path; dir !== ROOT; dirs.push(dir)) dir = parent(dir);
  return dirs;
}

/** What is needed of a plan's steps, so that the edits of a past apply are judged in the same way. */
interface Edits {
  readonly steps: readonly Pick<Plan['steps'][number], 'edits'>[];
}

export const withheld = (path: AbsPath): string => `(withheld: only root can read ${path})`;

/** The diagnostic for a file that the listener can't read: its place and kind, nothing of its text. */
export function discreet(diagnostic: Diagnostic, mayRead: MayRead): Diagnostic {
  const { severity, code, pointer, at } = diagnostic;
  if (NAMES_ONLY.has(code) && at === undefined && diagnostic.snippet === undefined) return diagnostic;
  const closed = closedPlace(diagnostic, mayRead);
  if (closed === undefined) return diagnostic;
  const { title } = CODES[code];
  return {
    severity,
    code,
    summary: `${title} ${withheld(closed)}`,
    hint: AS_ROOT,
    ...(pointer !== undefined && { pointer }),
    ...(at && { at }),
    path: closed,
  };
}

const AS_ROOT = 'run the command as root itself to see what it says';

/** Codes whose words tell names, owners and rights, and never text of a file. */
const NAMES_ONLY: ReadonlySet<string> = new Set([
  'RF2003',
  'RF2004',
  'RF2005',
  'RF2017',
  'RF2018',
  'RF2021',
  'RF2040',
  'RF2041',
  'RF2042',
]);

/** These findings say names, owners and modes, which a look at the directory tells as well. */
const SHOWN: ReadonlySet<string> = new Set(['owner', 'mode', 'config.path', 'config.from', 'git', 'activate']);

function discreetFinding(finding: Finding, mayRead: MayRead): Finding {
  const { code, wish, hosts, subject, path, at, remedy } = finding;
  const isShown =
    remedy.by === 'plan' ? SHOWN.has(subject) : NAMES_ONLY.has(code) && at === undefined && remedy.by === 'you';
  if (isShown && finding.evidence === undefined) return finding;
  const closed = closedPlace(finding, mayRead);
  if (closed === undefined) return finding;
  const kept = { code, subject, ...(wish !== undefined && { wish }), ...(hosts !== undefined && { hosts }) };
  if (remedy.by === 'plan') return { ...kept, ...(path && { path }), because: withheld(closed), remedy };
  return {
    ...kept,
    because: `${CODES[code].title} ${withheld(closed)}`,
    remedy: { by: 'you', hint: AS_ROOT },
    ...(at && { at }),
    path: closed,
  };
}

/** The first file of the diagnostic that the listener can't read. */
function closedPlace(
  { at, path, evidence = [] }: Pick<Finding, 'at' | 'path' | 'evidence'>,
  mayRead: MayRead,
): AbsPath | undefined {
  const file = at?.file.startsWith('/') ? absolute(at.file) : undefined;
  const seen = evidence.map((one) => one.path);
  return [file, path, ...seen].find((one) => one !== undefined && !mayRead(one));
}

/** A reporter that passes on only what the listener may know. `mayRead` is called for each event: the first ones precede it. */
export const discreetly =
  (report: Reporter, mayRead: () => MayRead): Reporter =>
  (event) =>
    report(mayRead() === SEES_ALL ? event : discreetEvent(event, mayRead()));

/** The plan with nothing in its findings that the listener can't read. */
export function discreetPlan(plan: Plan, mayRead: MayRead): Plan {
  if (mayRead === SEES_ALL) return plan;
  const may = beforeMoves(plan, mayRead);
  const seen = (findings: readonly Finding[]): readonly Finding[] =>
    findings.map((finding) => discreetFinding(finding, may));
  const steps = plan.steps.map((step) => ({ ...step, findings: seen(step.findings) }));
  const acknowledged = plan.acknowledged?.map((one) => ({ ...one, findings: seen(one.findings) }));
  return { ...plan, steps, ...(acknowledged && { acknowledged }) };
}

function discreetEvent(event: Event, mayRead: MayRead): Event {
  const say = (diagnostic: Diagnostic): Diagnostic => discreet(diagnostic, mayRead);
  switch (event.type) {
    case 'planned':
      return { ...event, plan: discreetPlan(event.plan, mayRead) };
    case 'diagnostic':
      return { type: 'diagnostic', diagnostic: say(event.diagnostic) };
    case 'examined': {
      const { path, advice: _advice, ...told } = event;
      return path === undefined || mayRead(path) ? event : { ...told, path, saw: withheld(path) };
    }
    case 'diagnostics':
      return { type: 'diagnostics', diagnostics: event.diagnostics.map(say) };
    case 'ended':
      return event.outcome !== undefined && 'cause' in event.outcome
        ? { ...event, outcome: { ...event.outcome, cause: event.outcome.cause.map(say) } }
        : event;
    default:
      return event;
  }
}

/** The same judgement for paths as a plan names them: a path that the plan moves is judged at its present place. */
export function beforeMoves(plan: Edits, mayRead: MayRead): MayRead {
  if (mayRead === SEES_ALL) return SEES_ALL;
  const before = placeBefore(movesOf(plan));
  const known = new Map<AbsPath, boolean>();
  return (path) => {
    const now = before(path);
    const may = known.get(now) ?? mayRead(now);
    known.set(now, may);
    return may;
  };
}

const isMove = (edit: Edit): edit is Move => edit.op === 'move';

const movesOf = ({ steps }: Edits): readonly Move[] => editsOf(steps).filter(isMove);

const placeBefore =
  (moves: readonly Move[]) =>
  (path: AbsPath): AbsPath =>
    moves.map(({ from, to }) => rebase(path, to, from)).find((old) => old !== undefined) ?? path;

/** Through moves that follow each other. */
const placeAfter =
  (moves: readonly Move[]) =>
  (path: AbsPath): AbsPath =>
    moves.reduce((at, { from, to }) => rebase(at, from, to) ?? at, path);

/** A path that the listener can't read, although the plan holds its text or words about it. */
export function closedIn(plan: Plan, mayRead: MayRead): AbsPath | undefined {
  if (mayRead === SEES_ALL) return undefined;
  const may = beforeMoves(plan, mayRead);
  const told = plan.steps.flatMap(({ findings, edits }) => [
    ...findings.flatMap((finding) => closedPlace(finding, may) ?? []),
    ...edits.flatMap((edit) => {
      if (edit.op !== 'put') return [];
      const holdsBytes = [edit.before, edit.after].some(
        (entry) => entry.type === 'link' || (entry.type === 'file' && entry.content !== undefined),
      );
      return holdsBytes ? [edit.path] : [];
    }),
  ]);
  return told.find((path) => !may(path));
}

/**
 * For a plan whose bytes come from a record: true only if the listener can read the file at its present place and will be able
 * to at its later one. Takes the present path, as `beforeMoves` does.
 */
export function readableBoth(reader: Reader, plan: Pick<Plan, 'steps' | 'blobs'>, listener: Listener): MayRead {
  if (listener.uid === 0) return SEES_ALL;
  const edits = plan.steps.flatMap((step) => step.edits);
  const origins = new Map<AbsPath, AbsPath>();
  const stage = overlay(reader);
  for (const edit of edits) {
    if (edit.op === 'activate') continue;
    if (edit.op === 'put') origins.set(edit.path, stage.origin(edit.path));
    stage.apply(edit, plan.blobs);
  }
  const [now, then] = [mayReadOn(reader, listener), mayReadOn(stage, listener)];
  const before = placeBefore(movesOf(plan));
  const closed = new Set(
    [...origins].filter(([path, origin]) => !now(origin) || !then(path)).map(([path]) => before(path)),
  );
  return (path) => now(path) && !closed.has(path);
}

/**
 * For edits of the past, whose bytes come from a record: true only if the listener can read the file where it lies now, and could
 * read it just before and just after. The machine of those moments is made again by undoing what was recorded: `since`, the
 * edits that came later, and then `edits`; a way that is not found there is closed. Takes the path before `edits`, as
 * `beforeMoves` does.
 */
export function readableThen(
  reader: Reader,
  edits: readonly Edit[],
  since: readonly Edit[],
  listener: Listener,
): MayRead {
  if (listener.uid === 0) return SEES_ALL;
  const stage = overlay(reader);
  const before = placeBefore(edits.filter(isMove));
  const puts = edits.filter((edit): edit is Put => edit.op === 'put');
  const closed = new Set<AbsPath>();
  const close = (isOpen: (put: Put) => boolean): void => {
    for (const put of puts) if (!isOpen(put)) closed.add(before(put.path));
  };
  const now = mayReadOn(reader, listener);
  close(({ path }) => now(placeAfter(since.filter(isMove))(path)));
  undoOn(stage, since);
  close(({ path, after }) => isFound(stage, path, after, listener));
  undoOn(stage, edits);
  close(({ path, before: old }) => isFound(stage, before(path), old, listener));
  return (path) => !closed.has(path);
}

function undoOn(stage: Overlay, edits: readonly Edit[]): void {
  for (const edit of edits.toReversed().map((one) => undoOf(one))) if (edit.op !== 'activate') stage.apply(edit, {});
}

/** The judgement on an entry that a record tells; the directories on the way to it are those of the reader. */
function isFound(reader: Pick<Reader, 'stat'>, path: AbsPath, entry: Entry, listener: Listener): boolean {
  if (entry.type === 'absent') return true;
  try {
    const dir = parent(path);
    const { path: end, entry: last } = follow(reader, dir);
    const way = [...above(dir), end, ...above(end)].map((one) => follow(reader, one).entry);
    return last.type === 'dir' && way.every(({ type }) => type !== 'absent') && isReadable(way, entry, listener);
  } catch {
    return false;
  }
}
