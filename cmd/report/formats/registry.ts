// The reporters by the name of their format: the only place that knows which there are. Those for other programs are loaded
// when somebody asks for them.

import type { Reporter } from '../../../core/event.ts';
import { humanReporter } from '../human.ts';
import type { Screen } from '../screen.ts';
import { jsonReporter } from './json.ts';

type Make = (screen: Screen) => Reporter;

export const REPORTERS = {
  human: async () => humanReporter,
  json: async () => jsonReporter,
  github: async () => (await import('./github.ts')).githubReporter,
  sarif: async () => (await import('./sarif.ts')).sarifReporter,
  markdown: async () => (await import('./markdown.ts')).commentReporter,
  summary: async () => (await import('./markdown.ts')).summaryReporter,
  junit: async () => (await import('./junit.ts')).junitReporter,
  'code-quality': async () => (await import('./code-quality.ts')).codeQualityReporter,
  html: async () => (await import('./html.ts')).htmlReporter,
  prometheus: async () => (await import('./prometheus.ts')).prometheusReporter,
} as const satisfies Readonly<Record<string, () => Promise<Make>>>;

export type Format = keyof typeof REPORTERS;

export const FORMATS = Object.keys(REPORTERS) as readonly Format[];

/** These tell of wishes and problems, and so only of commands that look at these. */
export const isForFindings = (format: Format): boolean => format !== 'human' && format !== 'json';
