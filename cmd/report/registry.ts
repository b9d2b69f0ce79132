// The reporters by the name of their format; the only list of formats.

import type { Reporter } from '../../core/event.ts';
import { humanReporter } from './human.ts';
import { jsonReporter } from './json.ts';
import type { Screen } from './screen.ts';

export const REPORTERS = {
  human: humanReporter,
  json: jsonReporter,
} as const satisfies Readonly<Record<string, (screen: Screen) => Reporter>>;

export type Format = keyof typeof REPORTERS;

export const FORMATS = Object.keys(REPORTERS) as readonly Format[];
