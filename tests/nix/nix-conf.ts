// nix.conf: the experimental features in force, and what is refused.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { addFeatures } from '../../core/formats/nix-conf/edit.ts';
import { nixConfFiles } from '../../core/formats/nix-conf/files.ts';
import { evaluateNixConf, type NixConf } from '../../core/formats/nix-conf/nix-conf.ts';
import { type RealNix, writeTree } from './real-nix.ts';
import { RECORDED, type Some } from './sample.ts';
import type { Tally } from './tally.ts';

interface Case {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
}

/** The vectors, random files with includes, and both again with the features added by our editor. */
export function compareNixConf(tally: Tally, real: RealNix, some: Some): void {
  const file = new URL('../vectors/nixconf.json', import.meta.url);
  const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { readonly vectors: readonly Case[] };
  const random = some(fc.sample(fc.tuple(text, plainText, plainText), { numRuns: 300, seed: 41 }));
  const cases = [
    ...some(vectors, RECORDED),
    ...random.map(
      ([system, included, user], index): Case => ({
        name: `random ${index}`,
        files: { 'sys/nix.conf': system, 'sys/b.conf': included, 'home/.config/nix/nix.conf': user },
        env: {},
      }),
    ),
  ];
  for (const [index, one] of cases.entries()) {
    const root = join(real.scratch, `conf${index}`);
    compareOne(tally, real, one, root);
    const system = one.files['sys/nix.conf'];
    const edit = system === undefined ? undefined : addFeatures(system, ['nix-command', 'flakes']);
    if (edit?.ok && edit.text !== system) {
      const edited = { ...one, name: `${one.name}, edited`, files: { ...one.files, 'sys/nix.conf': edit.text } };
      compareOne(tally, real, edited, root);
    }
  }
}

function compareOne(tally: Tally, real: RealNix, { name, files, env: extra }: Case, root: string): void {
  const here = (text: string): string => text.replaceAll('@ROOT@', root);
  const env = Object.fromEntries(Object.entries(extra).map(([key, value]) => [key, here(value)]));
  mkdirSync(root, { recursive: true });
  writeTree(root, Object.fromEntries(Object.entries(files).map(([path, text]) => [path, here(text)])));
  const all = {
    HOME: join(root, 'home'),
    NIX_CONF_DIR: join(root, 'sys'),
    XDG_CONFIG_DIRS: join(root, 'none'),
    ...env,
  };
  const sources = nixConfFiles(all, real.nix).flatMap((path) => {
    const text = readText(path);
    return typeof text === 'string' ? [{ path, text }] : [];
  });
  if (env.NIX_CONFIG !== undefined) sources.push({ path: 'NIX_CONFIG', text: env.NIX_CONFIG });
  const ours = evaluateNixConf(sources, readText, real.nix);
  // A loop of includes ends Nix with a signal.
  if (ours.error?.kind === 'loop') {
    tally.differs('includes in a loop crash Nix, and are an error here');
    return;
  }
  const command = real.nix === '2.8' ? ['show-config'] : ['config', 'show'];
  const args = ['--extra-experimental-features', 'nix-command', ...command];
  const { stdout, stderr } = spawnSync('nix', args, {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', ...all },
  });
  tally.same(
    `${name}: ${here(JSON.stringify(files))}\n    ${stderr.trim()}`,
    project(ours),
    projectReal(ours, stdout, stderr),
  );
}

function readText(path: string): string | null | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return undefined;
  return stat.isDirectory() ? null : readFileSync(path, 'utf8');
}

// The terminal sees tabs and CR otherwise.
const blanks = (message: string): string =>
  message
    .replace(/\s+/g, ' ')
    .replace(/ (?=')/g, '')
    .trim();

/** 2.34.8 trips over its own message here. */
const broken = /boost::bad_format_string/;

function project(conf: NixConf): unknown {
  if (conf.error) return { error: blanks(conf.error.message) };
  return { features: ['nix-command', ...conf.requestedFeatures] };
}

function projectReal(ours: NixConf, stdout: string, stderr: string): unknown {
  const said = stderr.replaceAll(/\x1b\[[\d;]*m/g, '').split('\n');
  const error = said.find((line) => line.startsWith('error: '));
  if (error !== undefined)
    return { error: broken.test(error) && ours.error ? blanks(ours.error.message) : blanks(error.slice(7)) };
  const values = new Map(stdout.split('\n').map((line) => line.split(' = ') as [string, string]));
  const features = (values.get('experimental-features') ?? '').split(' ');
  // Nix drops the names it does not know, and `flakes` brings `fetch-tree`.
  const kept = ['nix-command', ...ours.requestedFeatures].filter((name) => !KNOWN.has(name) || features.includes(name));
  const more = features.filter((name) => name !== 'fetch-tree' && !kept.includes(name));
  return { features: [...kept, ...more] };
}

/** Each Nix has these. */
const KNOWN = new Set(['nix-command', 'flakes', 'ca-derivations']);

const word = fc.constantFrom(
  ...[
    'experimental-features',
    'extra-experimental-features',
    'cores',
    'extra-trusted-users',
    'trusted-users',
    'flakes',
  ],
  ...['warn-dirty', 'system-features', 'extra-system-features', 'no-such', 'accept-flake-config', '=', 'nix-command'],
  ...[
    'substituters',
    'extra-substituters',
    'max-jobs',
    'auto',
    'sandbox',
    'root',
    '1',
    'true',
    '#',
    'https://c.org',
    'ssh://[::1]',
    'daemon',
    '/a',
    'auto?x=1',
    '\t',
    '\r',
    'ca-derivations',
  ],
);
const setting = fc
  .tuple(word, fc.array(word, { maxLength: 3 }))
  .map(([name, rest]) => `${name} = ${rest.filter((one) => one !== '=').join(' ')}`);
const features = fc
  .tuple(
    fc.constantFrom('', 'extra-'),
    fc.subarray(['nix-command', 'flakes', 'ca-derivations', 'no-such', 'fetch-tree']),
  )
  .map(([extra, words]) => `${extra}experimental-features = ${words.join(' ')}`);
const plainLine = fc.oneof(
  { weight: 4, arbitrary: features },
  { weight: 4, arbitrary: setting },
  { weight: 1, arbitrary: fc.constantFrom('', '# x', ' \t', 'cores = 2 # two') },
  { weight: 1, arbitrary: fc.array(word, { maxLength: 4 }).map((all) => all.join(' ')) },
);
const end = fc.constantFrom('\n', '\n', '\r\n');
const lines = (line: fc.Arbitrary<string>) =>
  fc.tuple(fc.array(line, { maxLength: 5 }), end).map(([all, eol]) => all.join(eol));
const plainText = lines(plainLine);
const text = lines(
  fc.oneof(
    { weight: 6, arbitrary: plainLine },
    {
      weight: 1,
      arbitrary: fc.constantFrom('include b.conf', '!include b.conf', '!include none.conf', 'include none.conf'),
    },
  ),
);
