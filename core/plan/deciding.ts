// Lets Nix decide what the texts leave open: all open questions in one evaluation of the tree as git will show it. A fact from
// evaluation leads to a finding, never to an edit.

import { entryOf } from '../codes.ts';
import type { Documents } from '../documents/documents.ts';
import { type Asked, type Evaluation, evaluate } from '../evaluation/evaluate.ts';
import type { Evaluated } from '../evaluation/question.ts';
import { shownTree } from '../evaluation/shown-tree.ts';
import { isUnreadable, type Reader } from '../machine/reader.ts';
import type { Finding } from '../model.ts';
import type { AbsPath } from '../path.ts';
import { isAnyMatch } from '../spec/leaves.ts';
import type { Wishes } from '../spec/resolve.ts';
import type { Looked } from './answers.ts';
import type { Asks, Difference } from './provider.ts';

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
  const asked = looked.flatMap(({ found }) =>
    found?.asks && (policy === 'always' || found.findings.some(isOpen)) ? [found.asks] : [],
  );
  // Nix is not asked after a guard has ended the look, or where an error bars a wish.
  const isBarred = looked.some(({ found }) => found === undefined || isBarring(found, wishes.key));
  if (policy === 'never' || asked.length === 0 || isBarred) return looked;
  const besides = [...new Set(asked.flatMap((asks) => asks.besides ?? []))];
  const question = { host: wishes.host.attribute, toplevel: asked.some(({ toplevel }) => toplevel) };
  const ask = async (files: readonly AbsPath[]): Promise<Asked> => {
    const read = treeWith(files, deciding);
    if (!read.ok) return { whole: { kind: 'impossible', why: read.why } };
    return await evaluate(read.tree, question, wishes, reader);
  };
  const { whole, names } = await ask([]);
  // Where the host does not evaluate, the names alone can tell only that the host is missing.
  const said =
    evaluatedIn(whole) ?? (evaluatedIn(names)?.names.includes(question.host) ? undefined : evaluatedIn(names));
  if (said === undefined) return withFailure(looked, failed(whole, wishes));
  const withBesides = besides.length > 0 ? evaluatedIn((await ask(besides)).whole) : undefined;
  const answer = (asks: Asks): Decided => asks.decide(said, withBesides);
  return looked.map((one) => ({ ...one, found: one.found && settledBy(one.found, answer, wishes.key) }));
}

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

/** True for what is of the repository, or of this machine's host: Nix is asked about that one alone. */
const ofHost =
  (key: string | undefined) =>
  ({ hosts }: { readonly hosts?: readonly string[] }): boolean =>
    hosts === undefined || key === undefined || hosts.includes(key);

/** True if an error bars a wish; that of another host bars nothing here. */
const isBarring = ({ rest = [], findings }: Difference, key: string | undefined): boolean =>
  [...rest.filter(({ verdict }) => verdict === 'blocked'), ...findings.filter(isBlocking)].some(ofHost(key));

const isBlocking = ({ code, wish }: Finding): boolean => wish !== undefined && entryOf(code).verdict === 'blocked';

const isOpen = ({ code }: Finding): boolean => entryOf(code).verdict === 'undecided';

const evaluatedIn = (evaluation: Evaluation | undefined): Evaluated | undefined =>
  evaluation?.kind === 'done' ? evaluation.evaluated : undefined;

type Decided = ReturnType<Asks['decide']>;

/** Findings that the texts gave for certain stay, and are not repeated. Nix sees edits of the plan as done. */
function settledBy(found: Difference, answer: (asks: Asks) => Decided, key: string | undefined): Difference {
  const { asks, rest = [], ...others } = found;
  if (asks === undefined) return found;
  const isAsked = ofHost(key);
  const certain = found.findings.filter((one) => !isOpen(one) || !isAsked(one));
  const wishes = new Set(
    certain.flatMap(({ wish, remedy }) => (remedy.by === 'plan' || wish === undefined ? [] : [wish])),
  );
  const answered = answer(asks);
  const news = answered.findings.filter(({ wish }) => wish === undefined || !wishes.has(wish));
  const open = rest.filter((one) => one.verdict === 'undecided' && isAsked(one));
  const left = [...rest.filter((one) => !open.includes(one)), ...(open.length > 0 ? (answered.rest ?? []) : [])];
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
function failed(evaluation: Evaluation, { dir, host }: Wishes): Finding {
  const subject = `nixosConfigurations.${host.attribute}`;
  if (evaluation.kind === 'failed' && evaluation.failure.of === 'configuration') {
    const { summary, log } = evaluation.failure;
    return {
      code: 'RF2062',
      wish: '/config/modules',
      subject,
      because: `the configuration does not evaluate: ${summary}`,
      path: dir,
      evidence: [{ saw: log }],
      remedy: { by: 'you', hint: 'mend the configuration; the last lines of Nix say where' },
    };
  }
  const why =
    evaluation.kind === 'failed' ? evaluation.failure.summary : evaluation.kind === 'impossible' ? evaluation.why : '';
  return {
    code: 'RF2063',
    subject,
    because: `Nix could not be asked about what is open: ${why}`,
    remedy: { by: 'you', hint: 'mend that, or leave it open: --evaluate never' },
    ...(evaluation.kind === 'failed' &&
      evaluation.failure.log !== '' && { evidence: [{ saw: evaluation.failure.log }] }),
  };
}
