// Metrics for node_exporter's textfile collector. No timestamps on samples: the collector refuses a file that has some.

import type { Reporter } from '../../../core/event.ts';
import { escapeLine } from '../escape.ts';
import type { Screen } from '../screen.ts';
import { collected, type Report, stateOf } from './report.ts';

export const prometheusReporter = (screen: Screen): Reporter => collected(screen, metricsOf);

type Labels = Readonly<Record<string, string>>;

/** The exposition format, each metric with HELP and TYPE. Where nobody came to look at the machine only those of the run are there. */
export function metricsOf(report: Report): string {
  const { host, counts, actions, exit, endedAt, seconds, items } = report;
  const labels: Labels = host === undefined ? {} : { host };
  const verdicts = counts && {
    holds: counts.hold,
    differs: counts.differ,
    undecided: counts.undecided,
    blocked: counts.blocked,
    left_out: counts.leftOut,
    not_checked: counts.notChecked ?? 0,
    expected: counts.expected ?? 0,
    acknowledged: counts.acknowledged ?? 0,
  };
  const success = stateOf(report) === 'failed' ? report.lastSuccess : endedAt;
  const levels = { error: 0, warning: 0, note: 0 };
  for (const { level } of items) levels[level]++;
  return [
    ...(verdicts
      ? [
          metric('reflake_wishes', 'Wishes of the spec by their answer.', each(verdicts, 'verdict', labels)),
          metric(
            'reflake_drift_changes',
            'Findings that an apply would mend, by what it would do.',
            each(actions, 'action', labels),
          ),
        ]
      : []),
    metric('reflake_findings', 'Findings and problems by severity.', each(levels, 'severity', labels)),
    metric('reflake_last_run_exit_code', 'Exit code of the last run.', [[labels, exit]]),
    metric('reflake_last_run_success', '1 where the last run came to an answer, drift or not.', [
      [labels, stateOf(report) === 'failed' ? 0 : 1],
    ]),
    // A run that failed knows it from the record of --notify-state alone.
    ...(success === undefined
      ? []
      : [
          metric(
            'reflake_last_success_timestamp_seconds',
            'When a run last came to an answer, drift or not, since 1970.',
            [[labels, success]],
          ),
        ]),
    metric('reflake_last_run_timestamp_seconds', 'When the last run ended, since 1970.', [[labels, endedAt]]),
    metric('reflake_run_duration_seconds', 'How long the last run took.', [[labels, seconds]]),
  ].join('');
}

const each = (numbers: Readonly<Record<string, number>>, label: string, labels: Labels): readonly [Labels, number][] =>
  Object.entries(numbers).map(([name, number]) => [{ ...labels, [label]: name }, number]);

const metric = (name: string, help: string, samples: readonly (readonly [Labels, number])[]): string =>
  [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} gauge`,
    ...samples.map(([labels, value]) => `${name}${labelWords(labels)} ${value}`),
    '',
  ].join('\n');

function labelWords(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escaped = (text: string): string => escapeLine(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"');
