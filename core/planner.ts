// One fold over the providers: each looks through an overlay that shows what the ones before it will do.
// Planning computes everything and changes nothing.

import { digestOf, digestOfJson } from './canonical.ts';
import { type Diagnostic, isError } from './diagnostic.ts';
import { type Blobs, isUnreadable, type Reader, unreadableProblem } from './host/host.ts';
import { type Overlay, overlay } from './host/overlay.ts';
import { recording } from './host/recording.ts';
import { below, type Stray, settle } from './links.ts';
import { type Digest, type Edit, kindOf, type Plan, type Reporter, type Step } from './model.ts';
import { type AbsPath, basename, parent } from './path.ts';
import type { People } from './people.ts';
import type { AnyProvider, Difference } from './provider.ts';
import { strayLink } from './stray.ts';
import type { Wishes } from './wishes.ts';

export interface Selection {
  /** Names of providers; undefined: all. */
  readonly only?: readonly string[];
  readonly skip?: readonly string[];
  /** `false`: only whether there is a difference; no program is run for the bytes of an edit, and such edits are left out. */
  readonly bytes?: boolean;
}

/** `spec` is the digest of the spec. `checks`: how many providers had something to look at. */
export async function plan(
  wishes: Wishes,
  spec: Digest,
  reader: Reader,
  providers: readonly AnyProvider[],
  report: Reporter,
  { only, skip, bytes = true }: Selection = {},
): Promise<{ readonly plan: Plan; readonly checks: number }> {
  const recorded = recording(bytes ? reader : withoutBytes(reader));
  const stage = overlay(recorded.reader);
  const steps: Omit<Step, 'blobs'>[] = [];
  const blobs: Record<Digest, Uint8Array> = {};
  let checks = 0;
  for (const { name, look } of providers) {
    if ((only && !only.includes(name)) || skip?.includes(name)) continue;
    report({ type: 'progress', text: name });
    const difference = await lookOrSay(look, wishes, stage);
    if (difference === undefined) continue;
    checks++;
    const { changes, blobs: contents = {} } = difference;
    const { edits, strays } = settled(difference.edits, stage, wishes.people);
    // A broken flake.nix is found by everyone who reads it, and told once.
    const fresh = difference.diagnostics.filter((one) => !isTold(one, steps));
    const diagnostics = [...fresh, ...sharedFiles(edits, stage), ...strays];
    Object.assign(blobs, contents);
    // Under both names, where a link makes two: providers go on to ask by the one that the spec leads to.
    show(stage, edits === difference.edits ? edits : [...edits, ...difference.edits], contents);
    if (changes.length + edits.length + diagnostics.length > 0)
      steps.push({ provider: name, changes, edits, diagnostics });
    if (diagnostics.some(({ code, severity }) => severity === 'error' && ENDS_THE_LOOK.has(code))) break;
  }
  const witnesses = steps.some(({ edits }) => edits.length > 0) ? recorded.witnesses() : [];
  const body = { version: 1 as const, spec, host: reader.facts, witnesses, steps, blobs };
  return { plan: { ...body, id: digestOfJson(body) }, checks };
}

/** Another machine, or somebody else's tree where the configuration is to be: what else is there is not ours to judge. */
const ENDS_THE_LOOK: ReadonlySet<string> = new Set(['RF2002', 'RF2003']);

const isTold = (one: Diagnostic, steps: readonly Omit<Step, 'blobs'>[]): boolean =>
  steps.some(({ diagnostics }) =>
    diagnostics.some(
      ({ code, path, at }) =>
        code === one.code &&
        at !== undefined &&
        path === one.path &&
        at.line === one.at?.line &&
        at.column === one.at.column,
    ),
  );

export const problemsOf = (plan: Plan): readonly Diagnostic[] => plan.steps.flatMap(({ diagnostics }) => diagnostics);

export const isBlocked = (plan: Plan): boolean => problemsOf(plan).some(isError);

export const isEmpty = (plan: Plan): boolean =>
  plan.steps.every(({ changes, edits }) => changes.length + edits.length === 0);

/** A plan is itself if its id is the digest of the rest. */
export function isIntact({ id, ...body }: Plan): boolean {
  const blobsMatch = Object.entries(body.blobs).every(([digest, bytes]) => digestOf(bytes) === digest);
  return blobsMatch && digestOfJson(body) === id;
}

/** A new content would come as a new file: the other names of the old one would keep the old bytes. */
function sharedFiles(edits: readonly Edit[], stage: Reader): readonly Diagnostic[] {
  return edits.flatMap((edit): Diagnostic[] => {
    if (edit.op !== 'put' || kindOf(edit) !== 'replace') return [];
    const entry = stage.stat(edit.path);
    if (entry.type !== 'file' || !entry.hardLinked) return [];
    const summary = `"${edit.path}" has other names too, and would no longer be the same file`;
    const hint = 'make it a file of its own: cp --remove-destination';
    return [{ severity: 'error', code: 'RF2018', summary, hint, path: edit.path }];
  });
}

/**
 * The edits at the places where their paths really are, for the executor follows nobody's links but root's. `strays`: of
 * those that a link leads to what is not its owner's, which are left out.
 */
function settled(
  edits: readonly Edit[],
  stage: Reader,
  people: People,
): { readonly edits: readonly Edit[]; readonly strays: readonly Diagnostic[] } {
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
  if (strays.size > 0) return { edits: [], strays: [...strays.values()].map((one) => strayLink(one, people)) };
  return { edits: isMoved ? found : edits, strays: [] };
}

/** What can't be looked at is not followed either: the executor finds out. */
function settledOr(stage: Reader, path: AbsPath): ReturnType<typeof settle> {
  try {
    return settle(stage, path);
  } catch (thrown) {
    if (isUnreadable(thrown)) return { path };
    throw thrown;
  }
}

async function lookOrSay(look: AnyProvider['look'], wishes: Wishes, stage: Overlay): Promise<Difference | undefined> {
  try {
    return await look(wishes, stage);
  } catch (thrown) {
    if (!isUnreadable(thrown)) throw thrown;
    return { changes: [], edits: [], diagnostics: [unreadableProblem(thrown)] };
  }
}

/** After a job was withheld, nobody can say which paths its edit would have changed. */
function withoutBytes(reader: Reader): Reader {
  let withheld = false;
  return {
    ...reader,
    async compute(job) {
      if (job.purpose === 'answer') return reader.compute(job);
      withheld = true;
      return { status: 'withheld' };
    },
    planned: (path) => withheld || reader.planned(path),
  };
}

function show(stage: Overlay, edits: readonly Edit[], blobs: Blobs): void {
  for (const edit of edits) if (edit.op !== 'activate') stage.apply(edit, blobs);
}
