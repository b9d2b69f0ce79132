// Writes a spec as text: YAML with comments that help to change it, and with left-out wishes as comments; or JSON.

import { UNSAFE } from '../formats/unsafe.ts';
import type { Spec } from '../spec/hosts-over-defaults.ts';

/** A wish that is not written, because it differs today and was not asked for. */
export interface LeftOut {
  readonly wish: string;
  readonly because: string;
}

export function specText(file: string, spec: Spec, leftOut: readonly LeftOut[]): string {
  return file.toLowerCase().endsWith('.json') ? `${JSON.stringify(spec, undefined, 2)}\n` : yamlText(spec, leftOut);
}

function yamlText(
  { host, config, inputs, follows, features, git, activate }: Spec,
  leftOut: readonly LeftOut[],
): string {
  const { path, from, owner, modules } = config ?? {};
  const line = (key: string, value: string | undefined, comment = ''): readonly string[] =>
    value === undefined ? [] : [`${key}: ${value}${comment && `  # ${comment}`}`];
  const word = (value: string | undefined): string | undefined => (value === undefined ? undefined : scalar(value));
  const sections: readonly (readonly string[])[] = [
    ['# What this machine shall be.', '# reflake plan shows the difference, reflake apply makes it so.', 'version: 1'],
    [
      'host:',
      ...line(
        '  name',
        scalar(host.name),
        host.attribute === undefined ? 'nixosConfigurations.<name>' : 'of the machine',
      ),
      ...line('  attribute', word(host.attribute), 'nixosConfigurations.<attribute>'),
      ...line('  system', scalar(host.system)),
    ],
    config === undefined
      ? []
      : [
          'config:',
          ...line('  path', word(path), 'where the configuration lives'),
          ...line('  from', word(from), 'moved from here while it is still there'),
          ...line('  owner', word(owner), 'the whole tree, .git included'),
          ...line('  modules', modules && list(modules)),
        ],
    Object.keys(inputs).length === 0 ? ['inputs: {}'] : ['inputs:', ...Object.entries(inputs).flatMap(inputLines)],
    follows === undefined
      ? []
      : ['follows:', ...Object.entries(follows).map(([from, to]) => `  ${scalar(from)}: ${scalar(to)}`)],
    line('features', features && list(features), 'enabled permanently'),
    [
      ...line('git', git, 'the flake’s files are visible to Nix; never a commit'),
      ...line('activate', activate, 'none | build | test | boot | switch'),
    ],
    leftOut.length === 0
      ? []
      : [
          '# Left out, each for its reason. Take the # away to wish for it:',
          ...leftOut.map(({ wish, because }) => `# ${commented(wish)}  # ${commented(because)}`),
        ],
  ];
  return `${sections
    .filter((section) => section.length > 0)
    .map((section) => section.join('\n'))
    .join('\n\n')}\n`;
}

function inputLines([name, input]: readonly [string, Spec['inputs'][string]]): readonly string[] {
  const key = `  ${scalar(name)}:`;
  if (typeof input === 'string') return [`${key} ${scalar(input)}`];
  const { url, flake, follows, inputs } = input;
  const pairs = Object.entries(follows ?? {}).map(([from, to]) => `${scalar(from)}: ${scalar(to)}`);
  return [
    key,
    `    url: ${scalar(url)}`,
    ...(flake === undefined ? [] : [`    flake: ${flake}`]),
    ...(pairs.length === 0 ? [] : [`    follows: { ${pairs.join(', ')} }`]),
    // JSON is YAML too; that is enough for a form that people rarely edit.
    ...(inputs === undefined ? [] : [`    inputs: ${JSON.stringify(inputs)}`]),
  ];
}

const list = (items: readonly string[]): string => `[${items.map(scalar).join(', ')}]`;

/**
 * A YAML scalar: plain if every YAML reader reads the same text, else in JSON's quotes, which YAML reads too. A word that
 * begins with a digit may be a number, a date or a time of day.
 */
export const scalar = (text: string): string =>
  /^([a-zA-Z]|[/_]|~\/|\.\/)[a-zA-Z0-9/_.:+?=&~-]*$/.test(text) &&
  !/^(true|false|yes|no|on|off|y|n|null|nan|inf)$/i.test(text) &&
  !text.endsWith(':')
    ? text
    : JSON.stringify(text).replace(UNSAFE, (char) => `\\U${char.codePointAt(0)!.toString(16).padStart(8, '0')}`);

/** A comment that stays one line and hides nothing, whatever characters the text has. */
const commented = (text: string): string => text.replace(UNSAFE, ' ');
