// GitLab's Code Quality report: one array of issues, each with a place, a severity and a fingerprint.

import { digestOfJson } from '../../../core/canonical.ts';
import type { Reporter } from '../../../core/event.ts';
import { keyOf } from '../../../core/leaf.ts';
import { escapeLine, jsonLine } from '../escape.ts';
import type { Screen } from '../screen.ts';
import type { Item } from './item.ts';
import { acknowledgedWords, collected, itemWords, type Report } from './report.ts';

export interface Issue {
  readonly description: string;
  readonly check_name: string;
  readonly fingerprint: string;
  readonly severity: 'info' | 'minor' | 'major' | 'critical' | 'blocker';
  readonly location: { readonly path: string; readonly lines: { readonly begin: number } };
}

export const codeQualityReporter = (screen: Screen): Reporter =>
  collected(screen, (report) => `${jsonLine(issuesOf(report))}\n`);

/** What is acknowledged is told as `info` under a name of its own: the format has no other place for it. */
export function issuesOf(report: Report): readonly Issue[] {
  // GitLab wants a place for each: what has none is about the spec.
  const spec = report.spec === '' || report.spec.startsWith('/') ? 'reflake.yaml' : report.spec;
  const times = new Map<string, number>();
  const issues = report.items.map((item): Issue => {
    const again = times.get(item.fingerprint) ?? 0;
    times.set(item.fingerprint, again + 1);
    return {
      description: item.hint === undefined ? itemWords(item) : `${itemWords(item)} (${item.hint})`,
      check_name: item.code,
      // Of two with one fingerprint GitLab shows one.
      fingerprint: again === 0 ? item.fingerprint : `${item.fingerprint}-${again}`,
      severity: severityOf(item),
      location: { path: escapeLine(item.place?.file ?? spec), lines: { begin: item.place?.line ?? 1 } },
    };
  });
  const known = report.acknowledged.map(
    (one): Issue => ({
      description: `acknowledged: ${acknowledgedWords(one)}`,
      check_name: 'acknowledged',
      fingerprint: digestOfJson(['acknowledged', report.host ?? '', keyOf(one)]).slice('sha256:'.length),
      severity: 'info',
      location: { path: spec, lines: { begin: 1 } },
    }),
  );
  return [...issues, ...known];
}

const severityOf = ({ kind, level }: Item): Issue['severity'] =>
  kind === 'problem' ? 'critical' : kind === 'drift' ? 'major' : level === 'note' ? 'info' : 'minor';
