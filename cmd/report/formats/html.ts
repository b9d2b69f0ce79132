// One page for people, of one file that loads nothing: the numbers of each host, each finding with its details, each wish with
// its answer. It is HTML and XML at once. The script only filters: all of it can be read without.

import { digestOf } from '../../../core/canonical.ts';
import type { JsonPointer } from '../../../core/diagnostic.ts';
import type { Reporter } from '../../../core/event.ts';
import { keyOf, type Leaf, leafFrom } from '../../../core/leaf.ts';
import { escapeLine } from '../escape.ts';
import type { Screen } from '../screen.ts';
import type { Item } from './item.ts';
import { SCRIPT, STYLE } from './page-parts.ts';
import { placeWords } from './place.ts';
import { acknowledgedWords, collected, type Report, verdictLine } from './report.ts';
import { xml } from './xml.ts';

export const htmlReporter = (screen: Screen): Reporter => collected(screen, htmlOf);

/** What became of a wish. Those that are no verdict count apart in all formats. */
const STANDINGS = {
  holds: 'hold',
  differs: 'differ',
  undecided: 'undecided',
  blocked: 'blocked',
  expected: 'expected',
  acknowledged: 'acknowledged',
  'left out': 'left out',
  'not checked': 'not checked',
} as const;
type Standing = keyof typeof STANDINGS;

/** A wish and what became of it. `why`: in one line of harmless characters; empty where there is no more to say. */
interface Row extends Leaf {
  readonly standing: Standing;
  readonly why: string;
}

/** Linear in the wishes and findings of the report. */
export function htmlOf(report: Report): string {
  const rows = rowsOf(report);
  const hosts = new Map<string, number>();
  for (const { host } of rows) if (host !== undefined && !hosts.has(host)) hosts.set(host, hosts.size);
  const standings = new Map(rows.map((row) => [keyOf(row), row.standing]));
  const title = xml(verdictLine(report));
  const { items } = report;
  return [
    '<!DOCTYPE html>',
    '<html lang="en" xmlns="http://www.w3.org/1999/xhtml">',
    '<head>',
    '<meta charset="utf-8"/>',
    `<meta http-equiv="Content-Security-Policy" content="${POLICY}"/>`,
    '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
    `<title>${title}</title>`,
    `<style>${STYLE}</style>`,
    '</head>',
    '<body>',
    `<header><h1>${title}</h1>${footnote(report)}</header>`,
    '<main>',
    ...(rows.length === 0 ? [] : [summaryOf(rows, hosts, report)]),
    filtersOf(hosts),
    `<section aria-labelledby="findings"><h2 id="findings">Findings (${items.length})</h2>`,
    ...(items.length === 0 ? ['<p>Nothing was found.</p>'] : items.map((item) => articleOf(item, hosts, standings))),
    '</section>',
    ...(rows.length === 0 ? [] : [wishesOf(rows, hosts)]),
    '</main>',
    `<script type="module">${SCRIPT}</script>`,
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

const hashOf = (text: string): string =>
  `'sha256-${Buffer.from(digestOf(text).slice('sha256:'.length), 'hex').toString('base64')}'`;

/** Nothing is loaded, and only our own style and script count, whatever else the page may hold. */
const POLICY = `default-src 'none'; style-src ${hashOf(STYLE)}; script-src ${hashOf(SCRIPT)}; base-uri 'none'; form-action 'none'`;

function rowsOf({ answers, acknowledged, expected, leftOut, notChecked }: Report): readonly Row[] {
  const due = new Map(expected.map((one) => [keyOf(one), one.to]));
  return [
    ...answers.map((answer): Row => {
      const to = due.get(keyOf(answer));
      return to === undefined
        ? { ...answer, standing: answer.verdict, why: answer.by ?? '' }
        : { ...answer, standing: 'expected', why: `may differ until ${escapeLine(to)}` };
    }),
    ...acknowledged.map((one): Row => ({ ...one, standing: 'acknowledged', why: acknowledgedWords(one) })),
    ...leftOut.map(
      (key): Row => ({ ...leafFrom(key as JsonPointer), standing: 'left out', why: 'by --only or --skip' }),
    ),
    ...notChecked.map(
      (key): Row => ({ ...leafFrom(key as JsonPointer), standing: 'not checked', why: 'only a machine can tell' }),
    ),
  ];
}

function footnote({ verb, plan, endedAt, spec }: Report): string {
  const when = `${new Date(Math.floor(endedAt) * 1000).toISOString().slice(0, 19)}Z`;
  const from = spec === '' ? '' : ` by <code>${xml(escapeLine(spec))}</code>`;
  const id = plan === undefined ? '' : `, plan <code>${plan}</code>`;
  return `<p class="soft">reflake ${verb}${from}${id}, <time datetime="${when}">${when}</time></p>`;
}

/** A row for each host; what all hosts share, or the only host has, stands in the first. */
function summaryOf(rows: readonly Row[], hosts: ReadonlyMap<string, number>, { host }: Report): string {
  const names = Object.keys(STANDINGS) as readonly Standing[];
  const counts = new Map<string | undefined, Map<Standing, number>>();
  for (const row of rows) {
    const own = counts.get(row.host) ?? new Map<Standing, number>();
    counts.set(row.host, own.set(row.standing, (own.get(row.standing) ?? 0) + 1));
  }
  const shared = hosts.size === 0 ? (host ?? 'the machine') : 'shared by all hosts';
  const lines = [undefined, ...hosts.keys()].flatMap((name) => {
    const own = counts.get(name);
    const cells = names.map((one) => `<td class="number">${own?.get(one) ?? 0}</td>`).join('');
    return own === undefined ? [] : [`<tr><th scope="row">${xml(escapeLine(name ?? shared))}</th>${cells}</tr>`];
  });
  const heads = names.map((one) => `<th scope="col">${STANDINGS[one]}</th>`).join('');
  return table('Wishes of each host', `<th scope="col">host</th>${heads}`, lines);
}

function filtersOf(hosts: ReadonlyMap<string, number>): string {
  const options = (all: Iterable<readonly [string, string]>): string =>
    `<option value="">all</option>${[...all].map(([value, words]) => `<option value="${value}">${xml(words)}</option>`).join('')}`;
  const host =
    hosts.size === 0
      ? ''
      : `<label>Host <select name="host">${options([...hosts].map(([name, at]) => [`${at}`, escapeLine(name)]))}</select></label>`;
  const verdict = options([...Object.keys(STANDINGS), NO_WISH].map((one) => [one, one]));
  return [
    '<form id="filters" hidden="" aria-label="Filters">',
    host,
    `<label>Verdict <select name="verdict">${verdict}</select></label>`,
    '<label>Wish <input name="wish" type="search" autocomplete="off"/></label>',
    '<output id="shown" aria-live="polite"></output></form>',
  ].join('');
}

/** The standing of a finding that decides no wish. */
const NO_WISH = 'of no wish';

/** What the filters ask. No hosts: it is of all of them. */
const marks = (of: readonly Leaf[], standing: string, hosts: ReadonlyMap<string, number>): string => {
  const at = of.map(({ host }) => (host === undefined ? undefined : hosts.get(host)));
  const own = at.includes(undefined) ? '' : [...new Set(at)].join(' ');
  const wishes = [...new Set(of.map(({ wish }) => escapeLine(wish)))].join(' ');
  return `data-hosts="${own}" data-verdict="${standing}" data-wish="${xml(wishes)}"`;
};

function articleOf(item: Item, hosts: ReadonlyMap<string, number>, standings: ReadonlyMap<string, Standing>): string {
  const { level, code, subject, because, values, hint, snippet, evidence, place, wished, wishes } = item;
  const standing = wishes.map((wish) => standings.get(wish)).find((one) => one !== undefined) ?? NO_WISH;
  const leaves = wishes.map(leafFrom);
  const diff = [
    ...(values.from === undefined ? [] : [`<del><code>− ${xml(values.from)}</code></del>`]),
    ...(values.to === undefined ? [] : [`<ins><code>+ ${xml(values.to)}</code></ins>`]),
  ].join('');
  const row = (name: string, words: readonly string[]): string =>
    words.length === 0 ? '' : `<p>${name}: ${words.map((one) => `<code>${xml(one)}</code>`).join(', ')}</p>`;
  return [
    `<article class="${level}" ${marks(leaves, standing, hosts)}>`,
    `<h3>${level} ${code}: ${xml(subject)}</h3>`,
    `<p>${xml(because)}</p>`,
    diff === '' ? '' : `<div class="diff">${diff}</div>`,
    ...(snippet === undefined ? [] : [`<pre tabindex="0">${xml(snippet)}</pre>`]),
    ...(hint === undefined ? [] : [`<p>What to do: ${xml(hint)}</p>`]),
    evidenceOf(evidence),
    row('Place', place === undefined ? [] : [placeWords(place)]),
    row('Wished at', wished === undefined ? [] : [placeWords(wished)]),
    row('Wish', wishes.map(escapeLine)),
    `<p class="soft">The rule: <code>reflake explain ${code}</code></p>`,
    '</article>',
  ].join('');
}

/** What was seen, and where it comes from: below a line that opens it. */
const evidenceOf = (evidence: Item['evidence']): string => {
  const lines = evidence.map(([what, text]) => `<dt>${xml(what)}</dt><dd><code>${xml(text)}</code></dd>`);
  return lines.length === 0 ? '' : `<details><summary>Evidence</summary><dl>${lines.join('')}</dl></details>`;
};

function wishesOf(rows: readonly Row[], hosts: ReadonlyMap<string, number>): string {
  const lines = rows.map((row) => {
    const name = row.host === undefined ? '' : xml(escapeLine(row.host));
    const cells = hosts.size === 0 ? '' : `<td>${name}</td>`;
    return `<tr ${marks([row], row.standing, hosts)}>${cells}<td><code>${xml(escapeLine(row.wish))}</code></td><td class="${row.standing.replace(' ', '-')}">${row.standing}</td><td>${xml(row.why)}</td></tr>`;
  });
  const heads = [...(hosts.size === 0 ? [] : ['host']), 'wish', 'verdict', 'why'];
  return table(`Wishes (${rows.length})`, heads.map((one) => `<th scope="col">${one}</th>`).join(''), lines);
}

/** A section of its own, which the keyboard can scroll. */
const table = (title: string, heads: string, lines: readonly string[]): string =>
  `<section class="scroll" tabindex="0" aria-label="${title}"><h2>${title}</h2><table><thead><tr>${heads}</tr></thead><tbody>\n${lines.join('\n')}\n</tbody></table></section>`;
