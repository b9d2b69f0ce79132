// What the texts leave open, decided by Nix: all open questions in one evaluation of the tree as git will show it. What only
// evaluation told is never an edit.

import { entryOf } from '../codes.ts';
import type { Documents } from '../documents/documents.ts';
import { type Asked, type Evaluation, evaluate } from '../evaluation/evaluate.ts';
import type { Evaluated } from '../evaluation/question.ts';
import { shownTree } from '../evaluation/tree.ts';
import type { Reporter } from '../event.ts';
import { isUnreadable, type Reader } from '../machine/reader.ts';
import type { Finding } from '../model.ts';
import type { AbsPath } from '../path.ts';
import { isAnyMatch } from '../spec/leaves.ts';
import type { Wishes } from '../spec/wishes.ts';
import type { Looked } from './answers.ts';
import type { Asks, Difference } from './provider.ts';

/** `auto`: where something is open. `always`: what the texts tell is compared as well. */
export type EvaluatePolicy = 'auto' | 'always' | 'never';

interface Deciding {
  readonly policy: EvaluatePolicy;
  readonly wishes: Wishes;
  readonly documents: Documents;
  readonly reader: Reader;
  readonly report: Reporter;
}

/** The same looks, each with its open findings decided as far as Nix tells, and why not where it does not. */
export async function decided(looked: readonly Looked[], deciding: Deciding): Promise<readonly Looked[]> {
  const { policy, wishes, report, reader } = deciding;
  const asked = looked.flatMap(({ found }) =>
    found?.asks && (policy === 'always' || found.findings.some(isOpen)) ? [found.asks] : [],
  );
  // What a guard has ended, or an error bars, is not for Nix to look at.
  const isBarred = looked.some(
    ({ found }) => found === undefined || found.rest?.verdict === 'blocked' || found.findings.some(isBlocking),
  );
  if (policy === 'never' || asked.length === 0 || isBarred) return looked;
  const besides = [...new Set(asked.flatMap((asks) => asks.besides ?? []))];
  const question = { host: wishes.host.attribute, toplevel: asked.some(({ toplevel }) => toplevel) };
  const ask = async (files: readonly AbsPath[]): Promise<Asked> => {
    const read = treeWith(files, deciding);
    if (!read.ok) return { whole: { kind: 'impossible', why: read.why } };
    report({ type: 'progress', text: `evaluating nixosConfigurations.${question.host}` });
    return await evaluate(read.tree, question, wishes, reader);
  };
  const { whole, names } = await ask([]);
  // Where the host does not evaluate, the names alone decide nothing but that it is not there.
  const said =
    evaluatedIn(whole) ?? (evaluatedIn(names)?.names.includes(question.host) ? undefined : evaluatedIn(names));
  if (said === undefined) return withFailure(looked, failed(whole, wishes));
  const withBesides = besides.length > 0 ? evaluatedIn((await ask(besides)).whole) : undefined;
  const answer = (asks: Asks): Decided => asks.decide(said, withBesides);
  return looked.map((one) => ({ ...one, found: one.found && settledBy(one.found, answer) }));
}

/** Told by whoever answers its wish; what concerns no wish, by the first who asked. */
function withFailure(looked: readonly Looked[], finding: Finding): readonly Looked[] {
  const { wish } = finding;
  const teller = looked.find(({ provider, found }) =>
    wish === undefined ? found?.asks !== undefined : isAnyMatch(wish, provider.answers),
  );
  return looked.map((one) =>
    one === teller && one.found ? { ...one, found: { ...one.found, findings: [...one.found.findings, finding] } } : one,
  );
}

const isBlocking = ({ code, wish }: Finding): boolean => wish !== undefined && entryOf(code).verdict === 'blocked';

const isOpen = ({ code }: Finding): boolean => entryOf(code).verdict === 'undecided';

const evaluatedIn = (evaluation: Evaluation | undefined): Evaluated | undefined =>
  evaluation?.kind === 'done' ? evaluation.evaluated : undefined;

type Decided = ReturnType<Asks['decide']>;

/** What was told of a wish by the texts for certain stays, and is not told again; what the plan mends Nix sees as mended. */
function settledBy(found: Difference, answer: (asks: Asks) => Decided): Difference {
  const { asks, rest, ...others } = found;
  if (asks === undefined) return found;
  const certain = found.findings.filter((one) => !isOpen(one));
  const wishes = new Set(
    certain.flatMap(({ wish, remedy }) => (remedy.by === 'plan' || wish === undefined ? [] : [wish])),
  );
  const answered = answer(asks);
  const news = answered.findings.filter(({ wish }) => wish === undefined || !wishes.has(wish));
  const left = rest?.verdict === 'undecided' ? answered.rest : rest;
  return {
    ...others,
    findings: [...certain, ...news],
    ...(left && { rest: left }),
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

/** That the configuration does not evaluate bars it; that it could not be tried here is only told. */
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
