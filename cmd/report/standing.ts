// Where an apply leaves its reader: what is true of the machine now, the next command, and the way back. Words only; what is
// true is found out by cmd/session/standing.ts.

import type { Theme } from './colour.ts';
import { wrap } from './width.ts';

/** What is true after an apply. */
export interface Standing {
  /** The configuration as its reader types it, quoted for a shell where it has to be: `~/nixos-config`. */
  readonly place: string;
  /** What a program is told to build: `~/nixos-config#nixos`. */
  readonly installable: string;
  /** It was no flake before, or lay elsewhere. */
  readonly isNew: boolean;
  /**
   * What became of the system: it runs, it runs until the next boot, it will at the next boot, it was only built, or it does
   * not run yet. `same`: nothing that was written makes another system of it. `elsewhere`: it is no system of this machine
   * (--root).
   */
  readonly system: 'runs' | 'tried' | 'boots' | 'built' | 'waits' | 'same' | 'elsewhere';
  /** Whether Nix has flakes enabled by now; undefined: not known. */
  readonly hasFlakes: boolean | undefined;
  readonly back: string;
}

/** Lines below `Applied in 0.4s.`; the commands are one a line, to be copied. */
export function standingLines(standing: Standing, theme: Theme): readonly string[] {
  const { place, installable, isNew, system, back } = standing;
  const what = isNew ? `Your configuration is now a flake in ${place}.` : `Your flake is in ${place}.`;
  const rebuild = (mode: string): string => `sudo nixos-rebuild ${mode} --flake ${installable}`;
  const commands: readonly (readonly [string, string])[] = [
    ...(system === 'waits' || system === 'built' ? [['Run it:', rebuild('switch')] as const] : []),
    ...(system === 'tried' ? [['Keep it:', rebuild('switch')] as const] : []),
    ...(system === 'boots' ? [['Run it now:', rebuild('test')] as const] : []),
    ['Go back:', back],
  ];
  const widest = Math.max(...commands.map(([label]) => label.length));
  const told = [what, SYSTEM[system]].filter((text) => text !== '').join(' ');
  return [
    ...[told, ...featuresWords(standing)].flatMap((text) => wrap(text, theme.columns)),
    ...commands.map(([label, line]) => `  ${label.padEnd(widest)}  ${line}`),
  ].map(theme.show);
}

const SYSTEM: Readonly<Record<Standing['system'], string>> = {
  runs: 'It is running.',
  tried: 'It is running, but only until the next boot.',
  boots: 'It will run from the next boot on.',
  built: 'It was built, and is not running yet.',
  waits: 'It is not running yet.',
  same: '',
  elsewhere: '',
};

/** nixos-rebuild brings the features along; every other command needs them said. */
const featuresWords = ({ hasFlakes, system }: Standing): readonly string[] =>
  hasFlakes !== false || system === 'elsewhere'
    ? []
    : ["Flakes are not enabled yet: until they are, nix needs --extra-experimental-features 'nix-command flakes'."];
