// One finding or problem as a format for other programs has it: words without secrets, how bad it is, a place, a fingerprint. Pure.

import { digestOfJson } from '../../../core/canonical.ts';
import { CODES, type Code, entryOf } from '../../../core/codes.ts';
import type { Diagnostic, JsonPointer } from '../../../core/diagnostic.ts';
import { asDiagnostic, isChange, wishesIn } from '../../../core/finding.ts';
import type { Finding } from '../../../core/model.ts';
import { escapeLine, escapeText } from '../escape.ts';
import type { About, Screen } from '../screen.ts';
import { holdsKey, isSecretName, secret, secretsIn } from '../secrets.ts';
import type { Fact } from '../status.ts';
import { originFacts } from '../why.ts';
import { type Place, placeOfPath, placeOfRange } from './place.ts';

/** `error`: the command fails for it. */
export type Level = 'error' | 'warning' | 'note';

/** What the finding is: drift, a doubt, what bars a look or a command, or advice. */
export type Kind = 'drift' | 'doubt' | 'problem' | 'advice';

/** Every text is one line of harmless characters, but for `snippet`, which may have several, and the file of a place. */
export interface Item {
  readonly level: Level;
  readonly kind: Kind;
  readonly code: Code;
  readonly title: string;
  /** What it is about: `inputs.nixpkgs.url`; of a problem its code's title. */
  readonly subject: string;
  readonly because: string;
  /** `from → to`, or the one of them that there is; empty for none. */
  readonly values: { readonly from?: string; readonly to?: string };
  readonly hint?: string;
  readonly snippet?: string;
  /** What was seen where, and where it comes from, as far as that was looked for: a word and a line each. */
  readonly evidence: readonly Fact[];
  readonly wish?: JsonPointer;
  /** Of a finding that several hosts share, the wish of each. */
  readonly wishes: readonly JsonPointer[];
  /** Where it lies; else where its wish stands in the spec. */
  readonly place?: Place;
  /** Where its wish stands, where that is another place. */
  readonly wished?: Place;
  /** The same for the same finding of another day. 64 hex digits. */
  readonly fingerprint: string;
}

type Around = Pick<Screen, 'cwd' | 'strict'> & {
  readonly about: About;
  readonly isFailing: boolean;
  /** Wishes that differ and may for a time, by `keyOf`: what is found about them alone is a note. */
  readonly expected: ReadonlySet<JsonPointer>;
};

export function itemOf(finding: Finding, around: Around): Item {
  const { subject, from, to, id, code, path, wish, evidence = [], origin } = finding;
  const diagnostic = asDiagnostic(finding);
  const isDrift = isChange(finding);
  const kind: Kind = isDrift
    ? 'drift'
    : wish !== undefined && entryOf(code).verdict === 'undecided'
      ? 'doubt'
      : kindOf(diagnostic);
  const wishes = wishesIn(finding);
  const isExpected = wishes.length > 0 && wishes.every((one) => around.expected.has(one));
  const isHidden = isSecretName(subject);
  const shown = (text: string): string => (isHidden || holdsKey(text) ? secret() : escapeLine(text));
  const item = itemOfDiagnostic(
    // The lines of a change are those of the text that is not written yet.
    isDrift ? withoutPlace(diagnostic) : diagnostic,
    around,
  );
  return {
    ...item,
    wishes,
    kind,
    level: isExpected ? 'note' : levelOf(kind, item.level, around),
    subject: escapeLine(subject),
    // What was seen of a secret setting, and what is to be pasted for it, may hold its value under no name.
    ...(isHidden && item.snippet !== undefined && { snippet: secret() }),
    evidence: [
      ...evidence.map(
        ({ path: file, saw }): Fact => [
          file === undefined ? 'seen' : escapeLine(file),
          isHidden ? secret() : masked(escapeLine(saw)),
        ],
      ),
      ...(origin === undefined ? [] : originFacts(origin)).map(([what, text]): Fact => [what, escapeLine(text)]),
    ],
    because: isHidden ? `it is not as wished ${secret('changed')}` : item.because,
    values: { ...(from !== undefined && { from: shown(from) }), ...(to !== undefined && { to: shown(to) }) },
    fingerprint: id?.slice('sha256:'.length) ?? fingerprintOf([code, wish, subject, path && nameOf(path, around)]),
  };
}

export function itemOfDiagnostic(diagnostic: Diagnostic, around: Around): Item {
  const { code, severity, summary, hint, snippet, at, path, pointer } = diagnostic;
  const { about } = around;
  const wishAt = pointer === undefined ? undefined : about.locate?.(pointer);
  const wished = wishAt && placeOfRange(wishAt, about, around);
  const own = (at && placeOfRange(at, about, around)) ?? (path && placeOfPath(path, about));
  const place = own ?? wished;
  return {
    level: severity,
    kind: kindOf(diagnostic),
    code,
    title: CODES[code].title,
    subject: CODES[code].title,
    because: holdsKey(summary) ? secret() : escapeLine(summary),
    values: {},
    ...(hint !== undefined && { hint: escapeLine(hint) }),
    ...(snippet !== undefined && { snippet: masked(escapeText(snippet.trimEnd())) }),
    ...(pointer !== undefined && { wish: pointer }),
    wishes: pointer === undefined ? [] : [pointer],
    evidence: [],
    ...(place && { place }),
    ...(wished && wished !== place && { wished }),
    fingerprint: fingerprintOf([code, pointer, summary, at && own?.file, path && nameOf(path, around)]),
  };
}

const kindOf = ({ severity }: Diagnostic): Kind =>
  severity === 'error' ? 'problem' : severity === 'warning' ? 'doubt' : 'advice';

/** Drift is an error where the command fails for it; a doubt is one where what is undecided fails too. */
const levelOf = (kind: Kind, level: Level, { isFailing, strict }: Around): Level =>
  kind === 'drift' ? (isFailing ? 'error' : 'warning') : kind === 'doubt' ? (strict ? 'error' : 'warning') : level;

function withoutPlace({ at: _at, ...diagnostic }: Diagnostic): Diagnostic {
  return diagnostic;
}

const nameOf = (path: Parameters<typeof placeOfPath>[0], { about }: Around): string =>
  placeOfPath(path, about)?.file ?? path;

const fingerprintOf = (parts: readonly (string | undefined)[]): string =>
  digestOfJson(parts.map((part) => part ?? '')).slice('sha256:'.length);

/** Line by line without the values of secret settings; without anything where a key is in it. */
const masked = (text: string): string =>
  holdsKey(text)
    ? secret()
    : text
        .split('\n')
        .map((line) =>
          [...secretsIn(line)]
            .reverse()
            .reduce((shown, { start, end }) => `${shown.slice(0, start)}${secret()}${shown.slice(end)}`, line),
        )
        .join('\n');
