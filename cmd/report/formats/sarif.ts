// SARIF 2.1.0, as code scanning of GitHub and others reads it.

import type { Log, PhysicalLocation, Region, ReportingDescriptor, Result } from 'sarif';
import { CODES, type Code } from '../../../core/codes.ts';
import type { Reporter } from '../../../core/event.ts';
import { jsonLine } from '../escape.ts';
import type { Screen } from '../screen.ts';
import type { Item } from './item.ts';
import { type Place, uriOf } from './place.ts';
import { acknowledgedWords, clipped, collected, headline, itemWords, type Report, stateOf } from './report.ts';

/** GitHub shows no more of one run. */
const MOST = 5000;
/** Characters of one message. */
const LONGEST = 1000;

export const sarifReporter = (screen: Screen): Reporter =>
  collected(screen, (report) => `${jsonLine(sarifOf(report))}\n`);

/** One run. What is acknowledged is no result, for GitHub shows suppressed ones as open: it is told and counted apart. */
export function sarifOf(report: Report): Log {
  const { items, acknowledged, counts, exit, verb, host } = report;
  const shown = items.slice(0, MOST);
  const codes = [...new Set(shown.map(({ code }) => code))].sort();
  const notes = [
    headline(report),
    ...(items.length > MOST ? [`${items.length - MOST} more findings are left out`] : []),
    ...acknowledged.map((one) => `acknowledged: ${acknowledgedWords(one)}`),
  ];
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'reflake', rules: codes.map(ruleOf) } },
        // A later run of the same category replaces this one's alerts; so each host has its own.
        automationDetails: { id: `reflake-${verb}/${host === undefined ? '' : `${uriOf(host)}/`}` },
        columnKind: 'unicodeCodePoints',
        invocations: [
          {
            executionSuccessful: stateOf(report) !== 'failed',
            exitCode: exit,
            toolExecutionNotifications: notes.map((text) => ({ level: 'note', message: { text: cut(text) } })),
          },
        ],
        results: shown.map((item) => resultOf(item, codes)),
        ...(counts && { properties: { wishes: counts } }),
      },
    ],
  };
}

const ruleOf = (code: Code): ReportingDescriptor => ({
  id: code,
  shortDescription: { text: CODES[code].title },
  fullDescription: { text: CODES[code].page },
  help: { text: `${CODES[code].page}\n\nreflake explain ${code}` },
});

function resultOf(item: Item, codes: readonly Code[]): Result {
  const { code, level, place, wished, hint, fingerprint, wish } = item;
  return {
    ruleId: code,
    ruleIndex: codes.indexOf(code),
    level,
    message: { text: cut(hint === undefined ? itemWords(item) : `${itemWords(item)}\n${hint}`) },
    locations: place === undefined ? [] : [{ physicalLocation: locationOf(place) }],
    ...(wished && {
      relatedLocations: [{ physicalLocation: locationOf(wished), message: { text: 'the wish in the spec' } }],
    }),
    partialFingerprints: { 'reflakeFinding/v1': fingerprint },
    ...(wish !== undefined && { properties: { wish } }),
  };
}

function locationOf(place: Place): PhysicalLocation {
  const region = regionOf(place);
  return { artifactLocation: { uri: uriOf(place.file), uriBaseId: '%SRCROOT%' }, ...(region && { region }) };
}

const regionOf = ({ line, column, endLine, endColumn }: Place): Region | undefined =>
  line === undefined
    ? undefined
    : {
        startLine: line,
        ...(column !== undefined && { startColumn: column }),
        ...(endLine !== undefined && { endLine }),
        ...(endColumn !== undefined && { endColumn }),
      };

const cut = (text: string): string => clipped(text, LONGEST);
