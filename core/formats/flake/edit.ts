// Edits flake.nix so that a wish holds: one difference at a time, read again after each, and proved at the end.
// The only place that turns differences into a new text. Every comment and byte that no wish concerns stays.

import { positionAt } from '../../diagnostic.ts';
import { oncePer } from '../../once.ts';
import type { HostDecl } from '../flake-hosts/host.ts';
import { plainModule } from '../flake-hosts/module-item.ts';
import { overlap, type Splice, splice } from '../nix/splice.ts';
import type { Change, Difference, Problem } from './difference.ts';
import { hostDifferences } from './edit-host.ts';
import { inputDifferences } from './edit-input.ts';
import { type Flake, type InputDecl, type OpenedFlake, type OpenFlake, openFlake } from './flake.ts';
import type { RefRules } from './reference.ts';
import { type FlakeWish, type HostWish, pathTokens } from './wish.ts';

export type FlakeEdit =
  /**
   * If nothing differs, `changes` is empty and `text` the text given. `flake`: the new text as read. `open`: wishes that the
   * text does not decide.
   */
  | {
      readonly ok: true;
      readonly text: string;
      readonly changes: readonly Change[];
      readonly flake: Flake;
      readonly open: readonly Problem[];
    }
  /** `besides`: other differences, which have an edit. */
  | { readonly ok: false; readonly problems: readonly Problem[]; readonly besides: readonly Unplaced[] };

type Unplaced = Omit<Change, 'line'>;

/**
 * The text with `wish` granted. What the wish does not mention stays: other inputs, hosts, attributes, follows.
 * An attribute set reference becomes a url unless the same attributes can say it (`rules.attrsOf`).
 * All or nothing: a wish without hosts edits the inputs of a flake whose hosts can't be read. `before`: the text as it was
 * read.
 */
export function editFlake(
  text: string,
  wish: FlakeWish,
  rules: RefRules = {},
  before: OpenedFlake = openFlake(text),
): FlakeEdit {
  if (!before.ok) {
    const { message, span } = before.error;
    return refused([{ kind: 'unreadable', message, at: span, snippet: '', pointer: '' }]);
  }
  const all = differences(before, wish, rules);
  /** The place in the text that was given. */
  const placed = (problem: Problem): Problem => {
    const known = all.flatMap(({ fix }) =>
      fix.kind === 'open' && fix.problem.pointer === problem.pointer && fix.problem.host === problem.host
        ? [fix.problem]
        : [],
    );
    return known[0] ?? (problem.in ? problem : { ...problem, at: before.flake.outputs.span });
  };
  const problems = all.flatMap(({ fix }) => (fix.kind === 'edit' ? [] : [fix.problem]));
  if (all.some(({ fix }) => fix.kind === 'refuse')) return refused(problems, all);

  let open: OpenFlake = before;
  const done: Difference['changes'][number][] = [];
  const subjects = new Set<string>();
  let undecided: readonly Problem[] = [];
  for (let round = 0; ; round++) {
    const found = differences(open, wish, rules);
    undecided = found.flatMap(({ fix }) => (fix.kind === 'open' ? [fix.problem] : []));
    const left = found.filter(({ fix }) => fix.kind !== 'open');
    if (left.length === 0) break;
    // Hosts take nothing over from hosts that are new with them.
    const size = left[0]!.about === 'host' ? left.length : sizeOf(round);
    const granted = grant(open, left, size) ?? grant(open, left, 1);
    if (granted === undefined) {
      const { fix } = left[0]!;
      return refused([fix.kind === 'refuse' ? fix.problem : unproved(before, left[0])], all);
    }
    const repeated = granted.changes.find(({ subject }) => subjects.has(subject));
    if (repeated) return refused([unproved(before, left[0])], all);
    for (const one of granted.changes) subjects.add(one.subject);
    done.push(...granted.changes);
    open = granted.after;
  }
  const damage = done.length > 0 ? damageBy(before, open, wish) : undefined;
  if (damage !== undefined) return refused([{ ...unproved(before, undefined), message: damage }], all);
  const changes = done.map(({ locate, ...one }) => ({ ...one, line: positionAt(open.text, locate(open) ?? 0).line }));
  return { ok: true, text: open.text, changes, flake: open.flake, open: undecided.map(placed) };
}

/** With the problems come the parts that can't be read, and as `besides` the other differences: none of them is forgotten. */
const refused = (problems: readonly Problem[], all: readonly Difference[] = []): FlakeEdit => ({
  ok: false,
  problems: [
    ...problems,
    ...all.flatMap(({ fix }) => (fix.kind === 'open' && !problems.includes(fix.problem) ? [fix.problem] : [])),
  ],
  besides: all.flatMap(({ fix, changes }) =>
    fix.kind === 'edit' ? changes.map(({ locate: _locate, ...change }) => change) : [],
  ),
});

/**
 * The first few one at a time, since the look of a first new input decides that of the next. Then ever more at once, or
 * thousands of wishes would read the file thousands of times.
 */
const sizeOf = (round: number): number => (round < ONE_BY_ONE ? 1 : 4 ** (round - ONE_BY_ONE + 1));
const ONE_BY_ONE = 8;

/** The first `size` differences granted in one step; undefined where their edits get in each other's way. */
function grant(
  open: OpenFlake,
  left: readonly Difference[],
  size: number,
): { readonly after: OpenFlake; readonly changes: Difference['changes'] } | undefined {
  // Those about hosts build on the inputs.
  const alike = left.findIndex(({ about }) => about !== left[0]!.about);
  const batch = left.slice(0, Math.min(size, alike === -1 ? left.length : alike));
  const splices: Splice[] = [];
  for (const { fix } of batch) {
    if (fix.kind !== 'edit') return undefined;
    for (const one of fix.splices) splices.push(one);
  }
  if (overlap(splices)) return undefined;
  const after = openFlake(splice(open.text, splices), undefined, open.files);
  return after.ok ? { after, changes: batch.flatMap(({ changes }) => changes) } : undefined;
}

function differences(open: OpenFlake, wish: FlakeWish, rules: RefRules): Difference[] {
  const { flake } = open;
  const names = [...flake.inputs, ...wish.inputs].map((input) => input.name);
  const known = new Set(names);
  for (const name of flake.implicit) known.add(name);
  return [
    ...wish.inputs.flatMap((input) => inputDifferences(open, input, known, rules)),
    ...hostDifferences(open, wish),
  ];
}

/** Damage by an edit, found in its result: a lost comment, a change that no wish is about. */
function damageBy(before: OpenFlake, after: OpenFlake, wish: FlakeWish): string | undefined {
  if (commentsOf(before) !== commentsOf(after)) return 'the edit would have lost a comment';
  const { hosts } = before.flake.outputs;
  const wished = new Map((wish.hosts ?? []).map((host) => [host.name, host]));
  const there = new Set(hosts.kind === 'static' ? hosts.hosts.map(({ name }) => name) : []);
  const isChanging = (name: string): boolean =>
    (wish.gone ?? []).includes(name) || (wished.has(name) && !there.has(name));
  const others = (host: HostDecl): unknown => (isChanging(host.name) ? undefined : otherModules(host, wished));
  if (restOf(before, wish, others) !== restOf(after, wish, others))
    return 'the edit would have changed more than was asked';
  return undefined;
}

function commentsOf({ text, comments }: OpenFlake): string {
  return comments.map(({ start, end }) => text.slice(start, end)).join('\n');
}

/** The reading of a flake without the parts that the wish names and without offsets. */
function restOf({ flake, root }: OpenFlake, wish: FlakeWish, others: (host: HostDecl) => unknown): string {
  const { hosts } = flake.outputs;
  const rest = {
    description: flake.description,
    self: flake.self,
    inputs: flake.inputs.map((input) => unwished(input, wish)).filter((input) => input !== undefined),
    hosts: hosts.kind === 'static' ? hosts.hosts.map(others).filter((host) => host) : [],
    top: [...root.children.keys()].filter((name) => name !== 'inputs'),
  };
  return JSON.stringify(rest, (key, value) => (key === 'span' || key === 'in' ? undefined : value));
}

/** The parts of an input beyond the wish; undefined if there are none. */
function unwished(input: InputDecl, wish: FlakeWish): unknown {
  const wished = wishesByName(wish).get(input.name);
  if (!wished) return input;
  const meant = new Set(
    [wished.follows, wished.overrides].flatMap((one) => Object.keys(one ?? {}).map((key) => pathTokens(key).join('/'))),
  );
  const overrides = input.overrides.flatMap((one) => overrideLines(one, [])).filter(({ path }) => !meant.has(path));
  const flake = wished.flake === undefined ? input.flake : undefined;
  return overrides.length > 0 || flake !== undefined ? { name: input.name, flake, overrides } : undefined;
}

const wishesByName = oncePer((wish: FlakeWish) => new Map(wish.inputs.map((input) => [input.name, input])));

function overrideLines(
  { name, overrides, ...said }: InputDecl,
  above: readonly string[],
): { path: string; said: unknown }[] {
  const path = [...above, name];
  const inner = overrides.flatMap((one) => overrideLines(one, path));
  const silent = said.ref.kind === 'none' && said.follows === undefined && said.flake === undefined;
  return silent ? inner : [{ path: path.join('/'), said }, ...inner];
}

/** A host without the parts that the wish names. */
function otherModules(host: HostDecl, hosts: ReadonlyMap<string, HostWish>): unknown {
  const wished = hosts.get(host.name);
  if (wished === undefined || host.kind === 'opaque') return host;
  const wishes = new Set((wished.modules ?? []).map(plainModule));
  const others = host.modules.filter((module) => module.kind !== 'path' || !wishes.has(plainModule(module.path)));
  return { name: host.name, others };
}

function unproved(before: OpenFlake, difference: Difference | undefined): Problem {
  const change = difference?.changes[0];
  return {
    kind: 'uneditable',
    message: change ? `no edit was found that sets '${change.subject}'` : 'no edit was found',
    at: { start: 0, end: Math.min(1, before.text.length) },
    snippet: '',
    pointer: change?.pointer ?? '',
    ...(change?.host !== undefined && { host: change.host }),
  };
}
