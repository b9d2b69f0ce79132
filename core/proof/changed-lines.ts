// The lines that two texts do not share, short enough to be read. Pure.

import type { ChangedLines } from '../proven.ts';

export type Lines = Pick<ChangedLines, 'went' | 'came'>;

/**
 * The lines of each text that the other lacks, in their order. A line that is on both sides equally often is no change,
 * wherever it stands, unless only the order differs. The texts must differ.
 */
export function linesThatDiffer(from: string, to: string): Lines {
  const [olds, news] = [from.split('\n'), to.split('\n')];
  const [went, came] = [lacking(olds, news), lacking(news, olds)];
  if (went.length > 0 || came.length > 0) return { went, came };
  const at = olds.findIndex((line, index) => line !== news[index]);
  return { went: [olds[at]!], came: [news[at]!] };
}

function lacking(lines: readonly string[], others: readonly string[]): readonly string[] {
  const left = new Map<string, number>();
  for (const line of others) left.set(line, (left.get(line) ?? 0) + 1);
  return lines.filter((line) => {
    const count = left.get(line) ?? 0;
    left.set(line, count - 1);
    return count <= 0;
  });
}

/** Lines of each side that are listed. */
const MOST_LINES = 20;
/** Characters of a line. */
const LONGEST = 200;

/** The first lines of each side; of a long one a part. */
export function shortened({ went, came }: Lines): ChangedLines {
  const more = Math.max(0, went.length - MOST_LINES) + Math.max(0, came.length - MOST_LINES);
  const [olds, news] = [went.slice(0, MOST_LINES), came.slice(0, MOST_LINES)];
  return {
    went: olds.map((line, index) => around(line, news[index])),
    came: news.map((line, index) => around(line, olds[index])),
    ...(more > 0 && { more }),
  };
}

/** Of a long line the part around the first character in which it differs from its counterpart. */
function around(line: string, other: string | undefined): string {
  if (line.length <= LONGEST) return line;
  let same = 0;
  while (other !== undefined && same < line.length && line[same] === other[same]) same += 1;
  const begin = Math.max(0, Math.min(same - LONGEST / 4, line.length - LONGEST));
  const end = begin + LONGEST;
  return `${begin > 0 ? '…' : ''}${line.slice(begin, end)}${end < line.length ? '…' : ''}`;
}
