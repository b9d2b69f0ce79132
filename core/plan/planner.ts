// One fold over the providers: each looks through an overlay that shows what the ones before it will do.
// Planning computes everything and changes nothing.

import { entryOf } from '../codes.ts';
import type { JsonPointer } from '../diagnostic.ts';
import { type Documents, documentsOf } from '../documents/documents.ts';
import type { Reporter } from '../event.ts';
import { asFinding } from '../finding.ts';
import { isOfHost, isOfRepository, keyOf, type Leaf } from '../leaf.ts';
import { below, type Stray, settle } from '../machine/follow-links.ts';
import type { Blobs } from '../machine/host.ts';
import type { People } from '../machine/people.ts';
import { isUnreadable, type Reader, unreadableProblem } from '../machine/reader.ts';
import { strayLink } from '../machine/stray-links.ts';
import type { Digest, Edit, Finding, Move, Plan, Put } from '../model.ts';
import { type AbsPath, absolute, basename, isWithin, parent, rebase } from '../path.ts';
import { isAnyMatch, wishesOf } from '../spec/leaves.ts';
import { attributeOf, type Wishes } from '../spec/resolve.ts';
import { acknowledgedIn, leaving, withId } from './acknowledge.ts';
import { type Answers, answerIn, answersTo, type Looked } from './answers.ts';
import { STATE } from './aside.ts';
import { decided, type EvaluatePolicy } from './deciding.ts';
import { expectedIn } from './expect.ts';
import { sharedFiles } from './hard-links.ts';
import { hindrancesTo } from './hindrances.ts';
import { type Overlay, overlay } from './overlay.ts';
import { withIds } from './plan-id.ts';
import { type AnyProvider, barred, type Difference } from './provider.ts';
import { recording } from './read-set.ts';
import { telling } from './telling.ts';
import { wishBehind } from './wish-behind.ts';

export interface Selection {
  /** True if the provider is to look. Default: all are. */
  readonly isSelected?: (name: string) => boolean;
  /** All wishes that are counted, with those that no selected provider looks at. Default: those of the spec in `wishes`. */
  readonly leaves?: readonly Leaf[];
  /** Wishes that can't be looked at here, to be told with the plan. Default: none. */
  readonly notChecked?: readonly JsonPointer[];
  /** When Nix is asked about what the texts leave open. Default: never. */
  readonly evaluate?: EvaluatePolicy;
  /** Puts that are taken as done before the first look, and are in no edit. */
  readonly presumed?: readonly Put[];
  /** `false`: only finds differences; runs no program for the bytes of an edit, and leaves such edits out. */
  readonly bytes?: boolean;
}

/**
 * `isPartial`: bytes were withheld, so an apply would do more, and the id names nothing. `stage`: the machine as it will be, and
 * `documents` of the configuration on it.
 */
export interface Planned {
  readonly plan: Plan;
  readonly isPartial: boolean;
  readonly stage: Reader;
  readonly documents: Documents;
}

/** `spec` is the digest of the spec. */
export async function plan(
  wishes: Wishes,
  spec: Digest,
  reader: Reader,
  providers: readonly AnyProvider[],
  report: Reporter,
  selection: Selection = {},
): Promise<Planned> {
  const planned = await planKnown(wishes, spec, reader, providers, report, selection);
  const expected = expectedIn(planned.plan, wishes);
  if (expected.length === 0) return planned;
  const { id: _id, evidence: _evidence, ...body } = planned.plan;
  return { ...planned, plan: withIds({ ...body, expected }) };
}

/** Leaves acknowledged wishes as they are. */
async function planKnown(
  wishes: Wishes,
  spec: Digest,
  reader: Reader,
  providers: readonly AnyProvider[],
  report: Reporter,
  selection: Selection,
): Promise<Planned> {
  const machine = telling(reader, report);
  const whole = await planOnce(wishes, spec, machine, providers, report, selection);
  const acknowledged = acknowledgedIn(whole.plan, wishes);
  if (acknowledged.length === 0) return whole;
  // Acknowledged wishes get no edits, and others may have planned on top of such edits: so all is planned once more.
  const left = new Set(acknowledged.map(keyOf));
  const leaves = (selection.leaves ?? wishesOf(wishes)).filter((leaf) => !left.has(keyOf(leaf)));
  const others = await planOnce(leaving(wishes, left), spec, machine, providers, () => {}, { ...selection, leaves });
  const { id: _id, evidence: _evidence, ...body } = others.plan;
  return { ...others, plan: withIds({ ...body, acknowledged }) };
}

async function planOnce(
  wishes: Wishes,
  spec: Digest,
  reader: Reader,
  providers: readonly AnyProvider[],
  report: Reporter,
  {
    isSelected = () => true,
    bytes = true,
    leaves = wishesOf(wishes),
    notChecked = [],
    presumed = [],
    evaluate = 'never',
  }: Selection,
): Promise<Planned> {
  const sparing = bytes ? undefined : withoutBytes(reader);
  const recorded = recording(sparing?.reader ?? reader);
  const stage = overlay(recorded.reader);
  show(stage, presumed, {});
  const looked: Looked[] = [];
  const settledEdits = new Map<string, readonly Edit[]>();
  const blobs: Record<Digest, Uint8Array> = {};
  let documents = documentsFor(wishes, stage);
  let guard: Finding | undefined;
  const isLeftAlone = ({ answers, concerns = [] }: AnyProvider): boolean => {
    if (wishes.leftAlone.size === 0) return false;
    const own = wishesOf(wishes).filter(({ wish }) => isAnyMatch(wish, [...answers, ...concerns]));
    return own.length > 0 && own.every((leaf) => wishes.leftAlone.has(keyOf(leaf)));
  };
  const isMeant = (one: AnyProvider): boolean => wishes.isMachine || !one.ofMachine;
  for (const provider of providers.filter((one) => isSelected(one.name) && isMeant(one) && !isLeftAlone(one))) {
    if (guard !== undefined) {
      looked.push({ provider, found: undefined });
      continue;
    }
    report({ type: 'progress', text: provider.name });
    const seen = await lookOrSay(provider, wishes, stage, documents);
    if (seen === undefined) continue;
    const difference = besides(wishes.leftAlone, withoutConsequences(ofItsHost(seen, provider, wishes), looked));
    const { blobs: contents = {} } = difference;
    const { edits, strays } = settled(difference, stage, wishes.people);
    const found = [
      ...difference.findings,
      ...[
        ...sharedFiles(difference, edits, stage),
        ...hindered(difference, edits, stage, { edits: [...settledEdits.values()].flat(), blobs }),
        ...strays,
      ].map((one) => alsoHere(one, wishes)),
    ];
    looked.push({ provider, found: { ...difference, findings: found } });
    Object.assign(blobs, contents);
    // Shown at both paths where a link makes two: later providers ask by the path that the spec leads to.
    show(stage, edits === difference.edits ? edits : [...edits, ...difference.edits], contents);
    // New documents after edits. Parsed texts are kept (known by their bytes); places and references are looked at anew.
    if (edits.length > 0) documents = documentsFor(wishes, stage);
    settledEdits.set(provider.name, edits);
    guard = found.find(({ code }) => entryOf(code).endsLook);
  }
  const isPartial = sparing?.hasWithheld() ?? false;
  // With bytes withheld the planned tree is not known, so Nix can't evaluate it.
  const policy = isPartial ? 'never' : evaluate;
  const last = await decided(looked, { policy, wishes, documents, reader: stage });
  const answers: Answers = answersTo(leaves, last, guard?.code, isOwn(wishes));
  const moves = [...settledEdits.values()].flatMap((edits) => edits.filter((edit) => edit.op === 'move'));
  // Several providers find the same broken flake.nix; it is told once.
  const told: Finding[] = [];
  const steps = last.map(({ provider: { name }, found }) => {
    const findings = (found?.findings ?? []).filter((one) => !told.some((other) => isSameThing(one, other)));
    told.push(...findings);
    const edits = settledEdits.get(name) ?? [];
    return {
      provider: name,
      verdicts: answers.of(name),
      findings: findings.map((one) => withId(asItLies(one, moves), wishes.dir)),
      edits,
    };
  });
  const isEdited = steps.some(({ edits }) => edits.length > 0);
  // Reflake's own state is no part of the machine; edits there carry their own `before`.
  const readSet = isEdited ? recorded.readSet().filter(({ path }) => !isWithin(path, STATE)) : [];
  const { leftOut } = answers;
  const made = withIds({
    version: 2,
    spec,
    host: reader.facts,
    ...(wishes.key !== undefined && { machine: wishes.key }),
    readSet,
    steps,
    leftOut,
    ...(notChecked.length > 0 && { notChecked }),
    blobs,
  });
  return { plan: made, isPartial, stage, documents };
}

/** True for a wish of this machine's host, or of none in particular. */
const isOwn =
  ({ isMachine, key }: Wishes) =>
  ({ wish, host }: Leaf): boolean =>
    host === undefined ? isMachine || !isOfHost(wish) : isMachine && host === key;

/** Names this machine's host in findings about what is its own. */
function ofItsHost(difference: Difference, { ofMachine }: AnyProvider, { key }: Wishes): Difference {
  if (key === undefined) return difference;
  const isTheirs = ({ wish, hosts }: Finding): boolean =>
    hosts === undefined && wish !== undefined && isOfHost(wish) && (ofMachine === true || !isOfRepository(wish));
  return {
    ...difference,
    findings: difference.findings.map((one) => (isTheirs(one) ? { ...one, hosts: [key] } : one)),
  };
}

/** What bars an edit bars it on this machine, which would make it, whichever hosts the edit is for. */
const alsoHere = (finding: Finding, { key }: Wishes): Finding =>
  finding.hosts === undefined || key === undefined || finding.hosts.includes(key)
    ? finding
    : { ...finding, hosts: [...finding.hosts, key] };

/** Drops the findings of acknowledged wishes: they were told, and bar nothing. */
function besides(leftAlone: Wishes['leftAlone'], difference: Difference): Difference {
  if (leftAlone.size === 0) return difference;
  const findings = difference.findings.flatMap((finding): Finding[] => {
    const { wish, hosts } = finding;
    if (wish === undefined) return [finding];
    if (hosts === undefined) return leftAlone.has(wish) ? [] : [finding];
    const left = hosts.filter((host) => !leftAlone.has(keyOf({ wish, host })));
    return left.length === 0 ? [] : [{ ...finding, hosts: left }];
  });
  const { rest = [], ...others } = difference;
  const told = rest.filter(({ by }) => findings.some(({ code }) => code === by));
  return { ...others, findings, ...(told.length > 0 && { rest: told }) };
}

const isSameThing = (one: Finding, other: Finding): boolean =>
  one.code === other.code &&
  one.path === other.path &&
  one.because === other.because &&
  one.at?.line === other.at?.line &&
  one.at?.column === other.at?.column;

/**
 * Drops a finding that bars a look because of a wish that another provider has already answered: it is the same trouble. Wishes
 * that it bars are then barred by the code of the other finding.
 */
function withoutConsequences(found: Difference, looked: readonly Looked[]): Difference {
  const [rest] = found.rest ?? [];
  const bar = rest && found.findings.find(({ code, remedy }) => code === rest.by && remedy.by !== 'plan');
  const { wish } = bar ?? {};
  if (rest === undefined || wish === undefined) return found;
  const answerer = looked.find(({ provider }) => isAnyMatch(wish, provider.answers));
  const [host] = bar?.hosts ?? [];
  const leaf: Leaf = { wish, ...(host !== undefined && { host }) };
  const { by } = (answerer?.found && answerIn(leaf, answerer.found, answerer.provider)) ?? {};
  // A finding that the plan mends is no trouble for the next provider.
  const cause = answerer?.found?.findings.find(({ code, remedy }) => code === by && remedy.by !== 'plan');
  if (by === undefined || cause === undefined || by === rest.by) return found;
  return {
    ...found,
    findings: found.findings.filter((one) => one !== bar),
    rest: found.rest!.map((one) => (one === rest ? { ...one, by } : one)),
  };
}

/** A finding that the plan does not mend names the present path: the plan's moves may never be made. */
function asItLies(finding: Finding, moves: readonly Move[]): Finding {
  if (finding.remedy.by === 'plan') return finding;
  const now = (path: AbsPath): AbsPath =>
    moves.map(({ from, to }) => rebase(path, to, from)).find((old) => old !== undefined) ?? path;
  const { path, at } = finding;
  return {
    ...finding,
    ...(path !== undefined && { path: now(path) }),
    ...(at !== undefined && { at: at.file.startsWith('/') ? { ...at, file: now(absolute(at.file)) } : at }),
  };
}

/** Findings for which apply would be refused. Computed before the overlay shows the edits: it is about the machine as it is. */
function hindered(
  difference: Difference,
  edits: readonly Edit[],
  stage: Reader,
  before: { readonly edits: readonly Edit[]; readonly blobs: Blobs },
): readonly Finding[] {
  if (edits.length === 0) return [];
  return hindrancesTo(edits, stage, { ...before.blobs, ...difference.blobs }, before.edits).map(({ problem, edit }) => {
    const path = edit.op === 'put' ? edit.path : edit.op === 'move' ? edit.from : undefined;
    const { wish, subject, hosts } = wishBehind(difference, path);
    return { ...asFinding(problem, subject, wish), ...(hosts && { hosts }) };
  });
}

/**
 * The edits at their real paths, since the executor follows no links but root's. `strays`: a finding for each link on the way
 * that leads to a path of another user than its owner; then there are no edits.
 */
function settled(
  difference: Difference,
  stage: Reader,
  people: People,
): { readonly edits: readonly Edit[]; readonly strays: readonly Finding[] } {
  const { edits } = difference;
  const dirs = new Map<AbsPath, ReturnType<typeof settle>>();
  const strays = new Map<AbsPath, Stray>();
  let isMoved = false;
  const place = (path: AbsPath): AbsPath => {
    const dir = parent(path);
    const known = dirs.get(dir) ?? settledOr(stage, path);
    dirs.set(dir, known);
    if (known.stray !== undefined) strays.set(known.stray.link, known.stray);
    if (known.stray === undefined && parent(known.path) === dir) return path;
    isMoved = true;
    return below(parent(known.path), basename(path));
  };
  const found = edits.map((edit): Edit => {
    if (edit.op === 'activate') return edit;
    if (edit.op === 'move') {
      const [from, to] = [place(edit.from), place(edit.to)];
      return from === edit.from && to === edit.to ? edit : { op: 'move', from, to };
    }
    const path = place(edit.path);
    return path === edit.path ? edit : { ...edit, path };
  });
  if (strays.size > 0) {
    const { wish, subject, hosts } = wishBehind(difference, undefined);
    const said = [...strays.values()].map((one) => ({
      ...asFinding(strayLink(one, people), subject, wish),
      ...(hosts && { hosts }),
    }));
    return { edits: [], strays: said };
  }
  return { edits: isMoved ? found : edits, strays: [] };
}

/** The path as it is where its links can't be looked at; the executor reports the error. */
function settledOr(stage: Reader, path: AbsPath): ReturnType<typeof settle> {
  try {
    return settle(stage, path);
  } catch (thrown) {
    if (isUnreadable(thrown)) return { path };
    throw thrown;
  }
}

/** The documents of the wished configuration, read with the git and Nix settings of its present or future owner. */
export const documentsFor = ({ dir, hosts, owner, person, people }: Wishes, reader: Reader): Documents =>
  documentsOf(
    {
      dir,
      hosts: hosts.map(({ spec }) => ({ attribute: attributeOf(spec), modules: spec.config?.modules })),
      home: (owner && people.user(owner.uid)?.home) ?? person.home,
    },
    reader,
  );

async function lookOrSay(
  provider: AnyProvider,
  wishes: Wishes,
  stage: Overlay,
  documents: Documents,
): Promise<Difference | undefined> {
  try {
    return await provider.look(wishes, stage, documents);
  } catch (thrown) {
    if (!isUnreadable(thrown)) throw thrown;
    const first = wishesOf(wishes).find(({ wish }) => isAnyMatch(wish, provider.answers));
    return barred(asFinding(unreadableProblem(thrown), provider.name, first?.wish));
  }
}

/** A reader that withholds jobs. Afterwards the paths that their edits would change are not known. */
function withoutBytes(reader: Reader): { readonly reader: Reader; readonly hasWithheld: () => boolean } {
  let withheld = false;
  const sparing: Reader = {
    ...reader,
    async compute(job) {
      if (job.purpose === 'answer') return reader.compute(job);
      withheld = true;
      return { status: 'withheld' };
    },
    planned: (path) => withheld || reader.planned(path),
  };
  return { reader: sparing, hasWithheld: () => withheld };
}

function show(stage: Overlay, edits: readonly Edit[], blobs: Blobs): void {
  for (const edit of edits) if (edit.op !== 'activate') stage.apply(edit, blobs);
}
