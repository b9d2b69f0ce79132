// The interface of a provider: the wishes it answers, the places it may write, its look at the machine, its findings.
// A provider has a Reader, and so cannot write.

import type { Code } from '../codes.ts';
import type { Documents } from '../documents/documents.ts';
import type { Evaluated } from '../evaluation/question.ts';
import type { Blobs } from '../machine/host.ts';
import type { Reader } from '../machine/reader.ts';
import type { Edit, Finding } from '../model.ts';
import type { AbsPath } from '../path.ts';
import type { Pattern } from '../spec/leaves.ts';
import type { Wishes } from '../spec/resolve.ts';
import type { Verdict } from '../verdict.ts';
import type { Ground, MayWrite } from './places.ts';

/** The result of a look. A wish that no finding names holds, unless `rest` or `defers` say otherwise. */
export interface Difference {
  readonly findings: readonly Finding[];
  readonly edits: readonly Edit[];
  /** The contents that edits name; left out where none does. */
  readonly blobs?: Blobs;
  /** The verdicts of wishes that no finding names; the first that is about a wish counts. */
  readonly rest?: readonly Rest[];
  readonly asks?: Asks;
  /** Wishes for which there is nothing to look at here: another provider that concerns them decides, if it looks. */
  readonly defers?: readonly Pattern[];
}

/** Questions that a look leaves open and Nix can decide. */
export interface Asks {
  /** True if only the whole system can tell; to evaluate it takes seconds. */
  readonly toplevel: boolean;
  /** Files that git does not show; the same question is asked once more with them. */
  readonly besides?: readonly AbsPath[];
  /**
   * Pure: the findings that take the place of the undecided ones. `said`: of the tree as git shows it. `with`: with the files
   * besides; undefined where nothing was asked, or that does not evaluate.
   */
  readonly decide: (said: Evaluated, withBesides: Evaluated | undefined) => Pick<Difference, 'findings' | 'rest'>;
}

/** The verdict of the wishes that no finding of this look names. `by`: the code of the finding with the reason. */
export interface Rest {
  readonly verdict: Exclude<Verdict, 'holds'>;
  readonly by: Code;
  /** The wishes; default: all that the provider answers or concerns. */
  readonly of?: readonly Pattern[];
  /** Of several hosts, those whose wishes; default: all. */
  readonly hosts?: readonly string[];
}

/** The facts of a provider before it looks. */
export interface Descriptor {
  /** Also a word for `--only` and `--skip`. */
  readonly name: string;
  /** The wishes that it alone answers. */
  readonly answers: readonly Pattern[];
  /** Wishes that another one answers, and that it may have findings about. */
  readonly concerns?: readonly Pattern[];
  /** True: of several hosts it looks at this machine's alone, and answers no wish of another. */
  readonly ofMachine?: true;
  /** Wishes that such a provider answers for this machine's host, and this one for every other. */
  readonly answersElsewhere?: readonly Pattern[];
  /** The codes of its findings. The planner adds some: of paths that can't be read, are hard-linked, or behind a stray link. */
  readonly codes: readonly Code[];
  /** The edits it may make. A saved plan may make an edit only if some provider may. Left out: it never edits. */
  readonly mayWrite?: MayWrite;
  /** True for a file that its answer is read from, though the provider may have nothing to write there. For `why PATH` alone. */
  readonly readsFrom?: (path: AbsPath, ground: Pick<Ground, 'wishes' | 'reader'>) => boolean;
}

export interface Provider<Desired, Observed> extends Descriptor {
  /** Pure: its share of the wishes; undefined where there is none. */
  desire(wishes: Wishes): Desired | undefined;
  /** Looks, and only where desired points. Reader and documents already show what earlier providers will do. */
  observe(desired: Desired, reader: Reader, documents: Documents): Promise<Observed>;
  /** Pure. No difference: no finding and no edit. */
  reconcile(desired: Desired, observed: Observed): Difference;
}

/** A provider with its types closed over, so that a list can hold many kinds. */
export interface AnyProvider extends Descriptor {
  /** undefined: nothing is wished of it. */
  look(wishes: Wishes, reader: Reader, documents: Documents): Promise<Difference | undefined>;
}

export function provider<Desired, Observed>(described: Provider<Desired, Observed>): AnyProvider {
  const { desire, observe, reconcile, ...descriptor } = described;
  return {
    ...descriptor,
    async look(wishes, reader, documents) {
      const desired = desire(wishes);
      return desired === undefined ? undefined : reconcile(desired, await observe(desired, reader, documents));
    },
  };
}

/** The difference of a provider whose every wish holds. */
export const IN_SYNC: Difference = { findings: [], edits: [] };

/** One finding that bars the look: every other wish of the provider (or of `of`) is barred with it. */
export const barred = (finding: Finding, of?: readonly Pattern[]): Difference => ({
  findings: [finding],
  edits: [],
  rest: [{ verdict: 'blocked', by: finding.code, ...(of && { of }), ...(finding.hosts && { hosts: finding.hosts }) }],
});
