// Where a new binding stands among others that are in order: sorted by a person, or for a tool (`# keep-sorted start`, `end`).

import type { Page } from './splice.ts';
import type { Binding, Comment, Span } from './syntax.ts';

/** The order of bindings that are sorted, at least one. A key is a path as it is written, as far as the first name that differs. */
export interface Sorted {
  readonly among: readonly Span[];
  /** Behind this offset, and no comment before it belongs to the first of `among`. */
  readonly from: number;
  readonly compare: Order;
  /** The one behind which a new one comes; undefined: it comes first. */
  readonly before: (key: string) => Span | undefined;
}

/** A comparison of two texts; negative: the first comes first. */
type Order = (a: string, b: string) => number;

const byCode: Order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const caseApart: Order = (a, b) => byCode(a.toLowerCase(), b.toLowerCase());
/** Numbers by their value: host2 before host10. */
const natural: Order = (a, b) => byCode(padded(a), padded(b));
const padded = (text: string): string => text.replace(/\d+/g, (digits) => digits.padStart(20, '0'));

/**
 * The order of `bindings` of one set. In a keep-sorted block it is the block's. Else `least` names must be sorted, by one of the orders
 * that people use. Undefined: there is no order to keep. `depth`: how many names of their paths all of them share.
 */
export function orderOf(page: Page, bindings: readonly Binding[], depth: number, least: number): Sorted | undefined {
  const named = bindings.filter((one) => one.kind === 'bind');
  const keyOf = ({ path }: (typeof named)[number]): string =>
    page.text.slice(path.start, path.names[depth]?.end ?? path.end);
  const block = blocksOf(page)
    .map(({ start, end }) => ({
      start,
      inside: named.filter((one) => start.end <= one.start && one.end <= end.start),
    }))
    .findLast(({ inside }) => inside.length > 0);
  const among = block?.inside ?? named;
  const keys = among.map(keyOf);
  const orders = block === undefined ? ORDERS : ordersOf(textOf(page, block.start));
  const compare = orders.find((one) => keys.every((text, at) => at === 0 || one(keys[at - 1]!, text) <= 0));
  const from = block?.start.end ?? 0;
  if (block === undefined && (new Set(keys).size < least || hasHeadings(page, among))) return undefined;
  if (compare !== undefined)
    return { among, from, compare, before: (key) => among.findLast((one) => compare(keyOf(one), key) < 0) };
  // A block that nobody has sorted yet: its end is as good a place as any.
  return block === undefined ? undefined : { among, from, compare: orders[0]!, before: () => among.at(-1) };
}

/** A comment on a line of its own among them may be a heading, which parts them into groups. */
const hasHeadings = ({ text, comments }: Page, among: readonly Span[]): boolean =>
  among.some(({ end }, at) => {
    const next = among[at + 1];
    return (
      next !== undefined &&
      comments.some((one) => end <= one.start && one.end <= next.start && !isBehind(text, end, one))
    );
  });

/** On the line that ends there. */
const isBehind = (text: string, end: number, { start }: Span): boolean => !/[\r\n]/.test(text.slice(end, start));

/** A person sorts names, with or without quotes. */
const ORDERS: readonly Order[] = [byCode, caseApart, natural].map((order) => (a, b) => order(bare(a), bare(b)));
const bare = (text: string): string => text.replaceAll('"', '');

/** keep-sorted sorts lines, quotes and what follows the name included. By its options: `case=no`, `numeric=yes`. */
function ordersOf(start: string): readonly Order[] {
  const order = /\bnumeric=yes\b/.test(start) ? natural : /\bcase=no\b/.test(start) ? caseApart : byCode;
  return [(a, b) => order(`${a} `, `${b} `)];
}

const textOf = ({ text }: Page, { start, end }: Span): string => text.slice(start, end);

function blocksOf(page: Page): readonly { readonly start: Comment; readonly end: Comment }[] {
  const blocks: { start: Comment; end: Comment }[] = [];
  let start: Comment | undefined;
  for (const comment of page.comments) {
    const word = /^[#/*\s]*keep-sorted (start|end)\b/.exec(textOf(page, comment))?.[1];
    if (word === 'start') start = comment;
    else if (word === 'end' && start !== undefined) {
      blocks.push({ start, end: comment });
      start = undefined;
    }
  }
  return blocks;
}
