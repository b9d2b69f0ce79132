// Lets Nix decide what the texts leave open: all open questions in one evaluation of the tree as git will show it. A fact from
// evaluation leads to a finding, never to an edit.

import { entryOf } from '../codes.ts';
import type { Documents } from '../documents/documents.ts';
import { type Asked, type Evaluation, evaluate } from '../evaluation/evaluate.ts';
import { type Evaluated, type Question, tellsOf } from '../evaluation/question.ts';
import { shownTree } from '../evaluation/shown-tree.ts';
import { isUnreadable, type Reader } from '../machine/reader.ts';
import type { Finding } from '../model.ts';
import type { AbsPath } from '../path.ts';
import { isAnyMatch } from '../spec/leaves.ts';
import { attributeOf, type Wishes } from '../spec/resolve.ts';
import type { Looked } from './answers.ts';
import type { Asks, Difference, Rest } from './provider.ts';

/** `auto`: where something is open. `always`: what the texts tell is compared as well. */
export type EvaluatePolicy = 'auto' | 'always' | 'never';

interface Deciding {
  readonly policy: EvaluatePolicy;
  readonly wishes: Wishes;
  readonly documents: Documents;
  readonly reader: Reader;
}

/** The same looks, their open findings decided as far as Nix tells; where it tells nothing, with the reason. */
export async function decided(looked: readonly Looked[], deciding: Deciding): Promise<readonly Looked[]> {
  const { policy, wishes, reader } = deciding;
  const asking = looked.flatMap(({ found }) =>
    found?.asks && (policy === 'always' || found.findings.some(isOpen)) ? [found] : [],
  );
  // Nix is not asked after a guard has ended the look, or about a host of which an error bars a wish.
  const isOver = looked.some(({ found }) => found === undefined);
  const barred = looked.flatMap(({ found }) => (found === undefined ? [] : barring(found)));
  const { own, all } = hostsIn(wishes);
  const isBarred = (key: string | undefined): boolean =>
    barred.some(({ hosts }) => hosts === undefined || key === undefined || hosts.includes(key));
  const asked = all.filter(({ key }) => !isBarred(key) && (policy === 'always' || isOpenFor(asking, key, own)));
  if (policy === 'never' || isOver || asking.length === 0 || asked.length === 0) return looked;
  const hosts = asked.map(({ attribute }) => attribute);
  const questions = asking.flatMap(({ asks }) => asks ?? []);
  const isWhole = questions.some(({ toplevel }) => toplevel) && hosts.includes(own.attribute);
  const besides = [...new Set(questions.flatMap((asks) => asks.besides ?? []))];
  const question: Question = { hosts, ...(isWhole && { toplevel: own.attribute }) };
  const ask = async (files: readonly AbsPath[], of: Question): Promise<Asked> => {
    const read = treeWith(files, deciding);
    if (read.ok) return await evaluate(read.tree, of, wishes, reader);
    const impossible = { kind: 'impossible', why: read.why } as const;
    return { failures: new Map(of.hosts.map((host) => [host, impossible] as const)) };
  };
  const { said, failures } = await ask([], question);
  const told = said === undefined ? looked : await toldBy(said);
  return failedIn(failures, asked).reduce((all, [failure, of]) => withFailure(all, failed(failure, of, wishes)), told);

  async function toldBy(evaluated: Evaluated): Promise<readonly Looked[]> {
    const isOwnTold = evaluated.hosts.has(own.attribute);
    const withBesides =
      besides.length > 0 && isOwnTold ? (await ask(besides, { ...question, hosts: [own.attribute] })).said : undefined;
    const answer = (asks: Asks): Decided => asks.decide(evaluated, withBesides);
    const answered = asked.filter(({ attribute }) => tellsOf(evaluated, attribute));
    return looked.map((one) => ({ ...one, found: one.found && settledBy(one.found, answer, answered, own) }));
  }
}

/** A host by its name in the spec and in flake.nix. `key`: undefined in a spec about one. */
interface Named {
  readonly key: string | undefined;
  readonly attribute: string;
}

/** `own`: the one that findings without a host are about. */
function hostsIn({ hosts, host }: Wishes): { readonly own: Named; readonly all: readonly Named[] } {
  const all = hosts.map(({ key, spec }) => ({ key, attribute: attributeOf(spec) }));
  const own = all.find(({ attribute }) => attribute === host.attribute) ?? {
    key: undefined,
    attribute: host.attribute,
  };
  return { own, all: all.length === 0 ? [own] : all };
}

const isAbout = ({ hosts }: { readonly hosts?: readonly string[] }, key: string | undefined, own: Named): boolean =>
  hosts === undefined || key === undefined ? key === own.key : hosts.includes(key);

const isOpenFor = (asking: readonly Difference[], key: string | undefined, own: Named): boolean =>
  asking.some(({ findings, rest = [] }) =>
    [...findings.filter(isOpen), ...rest.filter(({ verdict }) => verdict === 'undecided')].some((one) =>
      isAbout(one, key, own),
    ),
  );

/** The failures with the hosts of each; one that several share is told once. */
function failedIn(
  failures: Asked['failures'],
  asked: readonly Named[],
): readonly (readonly [Failed, readonly Named[]])[] {
  const by = new Map<string, [Failed, Named[]]>();
  for (const one of asked) {
    const failure = failures.get(one.attribute);
    if (failure === undefined) continue;
    const text = JSON.stringify(failure);
    by.set(text, [failure, [...(by.get(text)?.[1] ?? []), one]]);
  }
  return [...by.values()];
}

type Failed = Exclude<Evaluation, { kind: 'done' }>;

/** Adds the finding to the provider that answers its wish; one without a wish to the first provider that asked. */
function withFailure(looked: readonly Looked[], finding: Finding): readonly Looked[] {
  const { wish } = finding;
  const teller = looked.find(({ provider, found }) =>
    wish === undefined ? found?.asks !== undefined : isAnyMatch(wish, provider.answers),
  );
  return looked.map((one) =>
    one === teller && one.found ? { ...one, found: { ...one.found, findings: [...one.found.findings, finding] } } : one,
  );
}

/** The errors that bar a wish. */
const barring = ({ rest = [], findings }: Difference): readonly { readonly hosts?: readonly string[] }[] => [
  ...rest.filter(({ verdict }) => verdict === 'blocked'),
  ...findings.filter(isBlocking),
];

const isBlocking = ({ code, wish }: Finding): boolean => wish !== undefined && entryOf(code).verdict === 'blocked';

const isOpen = ({ code }: Finding): boolean => entryOf(code).verdict === 'undecided';

type Decided = ReturnType<Asks['decide']>;

/**
 * Findings that the texts gave for certain stay, and are not repeated. Nix sees edits of the plan as done. `answered`: the hosts
 * of which Nix tells.
 */
function settledBy(
  found: Difference,
  answer: (asks: Asks) => Decided,
  answered: readonly Named[],
  own: Named,
): Difference {
  const { asks, rest = [], ...others } = found;
  if (asks === undefined) return found;
  /** What is left of it after Nix told of some of its hosts. */
  const unanswered = <T extends Finding | Rest>(one: T): readonly T[] => {
    const isAnswered = (key: string | undefined): boolean => answered.some((host) => host.key === key);
    if (one.hosts === undefined) return isAnswered(own.key) ? [] : [one];
    const left = one.hosts.filter((key) => !isAnswered(key));
    return left.length === 0 ? [] : [{ ...one, hosts: left }];
  };
  const certain = found.findings.flatMap((one) => (isOpen(one) ? unanswered(one) : [one]));
  const said = new Set(
    certain.flatMap(({ wish, hosts, remedy }) =>
      remedy.by === 'plan' || wish === undefined ? [] : (hosts ?? ['']).map((key) => `${key}\0${wish}`),
    ),
  );
  const decision = answer(asks);
  const news = decision.findings.filter(
    ({ wish, hosts }) => wish === undefined || !(hosts ?? ['']).every((key) => said.has(`${key}\0${wish}`)),
  );
  const kept = rest.flatMap((one) => (one.verdict === 'undecided' ? unanswered(one) : [one]));
  const wereOpen = rest.some(({ verdict }) => verdict === 'undecided');
  const left = [...kept, ...(wereOpen ? (decision.rest ?? []) : [])];
  return {
    ...others,
    findings: [...certain, ...news],
    ...(left.length > 0 && { rest: left }),
  };
}

function treeWith(besides: readonly AbsPath[], { wishes, documents, reader }: Deciding): ReturnType<typeof shownTree> {
  try {
    return shownTree(wishes.dir, besides, documents, reader);
  } catch (thrown) {
    if (!isUnreadable(thrown)) throw thrown;
    return { ok: false, why: `"${thrown.path}" cannot be read: ${thrown.why}` };
  }
}

/** The finding for a failed evaluation: the configuration's own failure blocks; one of the surroundings is advice. */
function failed(failure: Failed, of: readonly Named[], { dir }: Wishes): Finding {
  const keys = of.flatMap(({ key }) => key ?? []);
  const about = {
    subject: of.map(({ attribute }) => `nixosConfigurations.${attribute}`).join(', '),
    ...(keys.length > 0 && { hosts: keys }),
  };
  if (failure.kind === 'failed' && failure.failure.of === 'configuration') {
    const { summary, log } = failure.failure;
    return {
      code: 'RF2062',
      wish: '/config/modules',
      ...about,
      because: `the configuration does not evaluate: ${summary}`,
      path: dir,
      evidence: [{ saw: log }],
      remedy: { by: 'you', hint: 'mend the configuration; the last lines of Nix say where' },
    };
  }
  return {
    code: 'RF2063',
    ...about,
    because: `Nix could not be asked about what is open: ${failure.kind === 'failed' ? failure.failure.summary : failure.why}`,
    remedy: { by: 'you', hint: 'mend that, or leave it open: --evaluate never' },
    ...(failure.kind === 'failed' && failure.failure.log !== '' && { evidence: [{ saw: failure.failure.log }] }),
  };
}
