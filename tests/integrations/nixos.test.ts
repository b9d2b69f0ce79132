// The NixOS module, evaluated by real Nix with the miniature nixpkgs: its units are what systemd takes (systemd-analyze), and the
// command of the service is one that reflake takes.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { temporary } from '../support/trees.ts';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

interface Unit {
  readonly description: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly serviceConfig?: Readonly<Record<string, unknown>>;
  readonly timerConfig?: Readonly<Record<string, unknown>>;
}
type Units = Readonly<Record<'service' | 'timer', Unit>>;

let dir: string;
let remove: () => void;
beforeAll(() => {
  ({ dir, remove } = temporary());
});
afterAll(() => remove());

/** What the options make of it. Of nixpkgs' systemd only the shape of the options stands here. */
function unitsOf(options: string): Units {
  const expression = `
    let
      lib = import ${REPOSITORY}/tests/fixtures/nixpkgs/lib;
      any = lib.mkOption { type = lib.types.attrsOf lib.types.anything; default = { }; };
      evaluated = import ${REPOSITORY}/tests/fixtures/nixpkgs/nixos/lib/eval-config.nix {
        system = "x86_64-linux";
        modules = [
          ${REPOSITORY}/integrations/nixos/module.nix
          { options = { systemd.services = any; systemd.timers = any; nix.package = lib.mkOption { default = "/nix"; }; }; }
          { _module.args.pkgs = lib.mkForce { git = "/git"; nodejs = "${dir}/node"; }; services.reflake = ${options}; }
        ];
      };
      unit = kind: (evaluated.config.systemd.\${kind} or { }).reflake-check or null;
    in { service = unit "services"; timer = unit "timers"; }`;
  const json = execFileSync('nix-instantiate', ['--eval', '--strict', '--json', '--expr', expression], {
    encoding: 'utf8',
    env: { ...process.env, NIX_REMOTE: `local?root=${dir}/store` },
  });
  return JSON.parse(json) as Units;
}

const ON = (spec: string): string =>
  `{ enable = true; program = "${REPOSITORY}/dist/reflake.cjs"; user = "daemon"; spec = ${JSON.stringify(spec)}; metrics = "/var/lib/node-exporter/reflake.prom"; }`;

/** As nixpkgs writes a section: a list is a key that is said several times. */
const section = (name: string, pairs: Readonly<Record<string, unknown>>): string =>
  [
    `[${name}]`,
    ...Object.entries(pairs).flatMap(([key, value]) =>
      (Array.isArray(value) ? value : [value]).map((one) => `${key}=${one}`),
    ),
    '',
  ].join('\n');

function written(units: Units): string {
  const at = `${dir}/units`;
  mkdirSync(`${dir}/node/bin`, { recursive: true });
  mkdirSync(at, { recursive: true });
  writeFileSync(`${dir}/node/bin/node`, `#!/bin/sh\nexec ${process.execPath} "$@"\n`, { mode: 0o755 });
  const { service, timer } = units;
  const environment = Object.entries(service.environment ?? {}).map(([key, value]) => `"${key}=${value}"`);
  writeFileSync(
    `${at}/reflake-check.service`,
    section('Unit', { Description: service.description }) +
      section('Service', { ...service.serviceConfig, Environment: environment }),
  );
  writeFileSync(
    `${at}/reflake-check.timer`,
    section('Unit', { Description: timer.description }) + section('Timer', timer.timerConfig ?? {}),
  );
  return at;
}

test('systemd takes the units, and finds little that they could do', () => {
  const at = written(unitsOf(ON('/srv/config/reflake.yaml')));
  const verified = spawnSync('systemd-analyze', ['verify', `${at}/reflake-check.timer`], { encoding: 'utf8' });
  // What it says of units of this machine is not about ours.
  const ours = verified.stderr.split('\n').filter((line) => line.includes('reflake'));
  expect(ours).toEqual([]);
  const judged = spawnSync(
    'systemd-analyze',
    ['security', '--offline=true', '--threshold=25', `${at}/reflake-check.service`],
    {
      encoding: 'utf8',
    },
  );
  expect([judged.status, judged.stdout.slice(-400)]).toEqual([0, expect.stringContaining('exposure level')]);
});

test('its command is one of reflake, whatever the name of the spec is', () => {
  const home = `${dir}/my "con$fig" 100%`;
  mkdirSync(home, { recursive: true });
  writeFileSync(`${home}/reflake.yaml`, 'version: 2\n');
  const units = unitsOf(ON(`${home}/reflake.yaml`).replace('con$fig', 'con\\$fig'));
  const at = written(units);
  const line = /^ExecStart=(.*)$/m.exec(readFileSync(`${at}/reflake-check.service`, 'utf8'))![1]!;
  // As systemd reads it: quotes off, \\x is x, %% is %, $$ is $.
  const words = [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word]) =>
    word!.replace(/\\(.)/g, '$1').replaceAll('%%', '%').replaceAll('$$', '$'),
  );
  const [program, ...args] = words;
  const ran = spawnSync(program!, [...args.filter((word) => !/prometheus|human|--format/.test(word))], {
    encoding: 'utf8',
  });
  // It found the spec, and says what is wrong in it.
  expect([ran.status, ran.stderr]).toEqual([65, expect.stringContaining('version')]);
});

test('turned off, it is nothing', () => {
  expect(unitsOf('{ enable = false; }')).toEqual({ service: null, timer: null });
});
