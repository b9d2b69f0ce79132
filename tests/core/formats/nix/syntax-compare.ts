// Compares our parser with a real Nix on many texts: whether each parses, and as what tree.
// The one place that knows in what the versions of Nix differ here.
import { parseNix } from '../../../../core/formats/nix/parse.ts';
import { canonical } from './canonical.ts';
import { askNix, oraclePrefix, type Verdict } from './parse-oracle.ts';

/** `differences` are those between versions of Nix, counted by what they are; every other one is a disagreement. */
export interface Comparison {
  readonly disagreements: readonly string[];
  readonly differences: Readonly<Record<string, number>>;
  readonly accepted: number;
  /** Texts whose trees were compared as well. */
  readonly compared: number;
}

/** Asks the Nix in PATH about each text, which stands for the body of a function. */
export function compareSyntax(texts: readonly string[]): Comparison {
  const believed = texts.map((text) => parseNix(oraclePrefix + text).ok);
  const { verdicts, directory, home } = askNix(texts, believed);
  const disagreements: string[] = [];
  const differences: Record<string, number> = {};
  let accepted = 0;
  let compared = 0;
  texts.forEach((text, index) => {
    const verdict = verdicts[index]!;
    const difference = differenceOf(text, verdict);
    if (difference !== undefined) {
      differences[difference] = (differences[difference] ?? 0) + 1;
      return;
    }
    const ours = parseNix(oraclePrefix + text);
    if (ours.ok !== verdict.accepted)
      disagreements.push(`${verdict.accepted ? 'only Nix accepts' : 'only we accept'}: ${JSON.stringify(text)}`);
    if (verdict.accepted) accepted++;
    const { printed } = verdict;
    if (!ours.ok || printed === undefined || unreadable.test(printed)) return;
    const theirs = parseNix(printed.replace(/(?<=\/[\w.+-]+)\/(?= \+ )/g, ''));
    if (!theirs.ok) {
      disagreements.push(`cannot read back ${JSON.stringify(text)}: ${printed}: ${theirs.error.message}`);
      return;
    }
    compared++;
    const mine = canonical(ours.root, { directory, home });
    const nixs = canonical(theirs.root, { directory: '/', home });
    if (mine !== nixs) disagreements.push(`${JSON.stringify(text)}\n  we:  ${mine}\n  Nix: ${nixs}`);
  });
  return { disagreements, differences, accepted, compared };
}

/** `assert` is printed without parentheses, `/` alone is no path, and 1e+20 no float: such prints cannot be read back. */
const unreadable = /assert|\de[+-]\d|(?<![^\s(])\/\/?(?= \+|[ );])/;

/** In what an older Nix differs from 2.34, by whose rules we read. */
function differenceOf(text: string, { accepted, complaint }: Verdict): string | undefined {
  if (accepted === 'crashed') return 'the parser of Nix crashes';
  if (complaint === undefined) return undefined;
  // Told by its complaint, and by the three sets it takes.
  if (complaint.includes('already defined') && (text.match(/\{/g)?.length ?? 0) >= 3)
    return 'sets merge at the first depth only';
  const ours = parseNix(oraclePrefix + text);
  return ours.ok && ours.usesPipes ? 'no pipes' : undefined;
}
