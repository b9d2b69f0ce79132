// The action and the component: their files say what they should in YAML, and their commands run on a checkout as a runner runs them.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { temporary } from '../support/trees.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const PROGRAM = at('dist/reflake.cjs');

let dir: string;
let remove: () => void;
beforeAll(() => {
  ({ dir, remove } = temporary());
  mkdirSync(`${dir}/checkout/.git`, { recursive: true });
  mkdirSync(`${dir}/bin`);
  writeFileSync(`${dir}/bin/reflake`, `#!/bin/sh\nexec ${process.execPath} ${PROGRAM} "$@"\n`, { mode: 0o755 });
  writeFileSync(
    `${dir}/checkout/flake.nix`,
    '{\n  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";\n  outputs = { nixpkgs, ... }: {\n    nixosConfigurations.web = nixpkgs.lib.nixosSystem {\n      system = "x86_64-linux";\n      modules = [ { networking.hostName = "web"; } ];\n    };\n  };\n}\n',
  );
  spec('nixos-26.05');
});
afterAll(() => remove());

const spec = (branch: string): void =>
  writeFileSync(
    `${dir}/checkout/reflake.yaml`,
    `version: 1\nhost: { name: web, system: x86_64-linux }\ninputs: { nixpkgs: github:NixOS/nixpkgs/${branch} }\ngit: off\n`,
  );

const run = (program: string, args: readonly string[], env: Readonly<Record<string, string>>) =>
  spawnSync(program, args, {
    cwd: `${dir}/checkout`,
    encoding: 'utf8',
    env: { PATH: `${dir}/bin:${process.env.PATH}`, HOME: dir, ...env },
  });

/** The values of a file of YAML documents. */
const yaml = (path: string): readonly Record<string, unknown>[] =>
  (parseAllDocuments(readFileSync(at(path), 'utf8')) as { toJS(): Record<string, unknown>; errors: unknown[] }[]).map(
    (one) => {
      expect(one.errors).toEqual([]);
      return one.toJS();
    },
  );

test.each([
  ['nixos-26.05', 'true', 0, 'holds'],
  ['nixos-25.11', 'true', 2, 'differs'],
  ['nixos-25.11', 'false', 0, 'differs'],
  ['NOT A BRANCH', 'true', 65, 'error'],
])('the action on %s, fail: %s', (branch, fail, code, verdict) => {
  spec(branch);
  const temp = `${dir}/temp-${branch.length}-${fail}-${code}`;
  mkdirSync(temp);
  const [output, summary] = [`${temp}/output`, `${temp}/summary`];
  const ran = run(at('integrations/github/check.sh'), [], {
    RUNNER_TEMP: temp,
    GITHUB_OUTPUT: output,
    GITHUB_STEP_SUMMARY: summary,
    FAIL: fail,
    ARGUMENTS: '--only inputs --skip lock',
  });
  expect([ran.status, ran.stderr]).toEqual([code, expect.anything()]);
  const outputs = Object.fromEntries(
    readFileSync(output, 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split('=') as [string, string]),
  );
  expect(outputs).toMatchObject({ verdict, sarif: `${temp}/reflake/reflake.sarif` });
  expect(JSON.parse(readFileSync(outputs.sarif!, 'utf8'))).toMatchObject({ version: '2.1.0' });
  expect(existsSync(summary)).toBe(true);
  if (verdict === 'differs') expect(ran.stdout).toMatch(/^::(error|warning) .*nixos-25\.11/m);
});

test('the action hands its inputs over as variables, and names only outputs that the script sets', () => {
  const [action] = yaml('integrations/github/action.yml') as unknown as [
    {
      outputs: Record<string, { value: string }>;
      inputs: object;
      runs: { steps: { env: Record<string, string>; run: string }[] };
    },
  ];
  const script = readFileSync(at('integrations/github/check.sh'), 'utf8');
  for (const [name, { value }] of Object.entries(action.outputs)) {
    expect(value).toBe(`\${{ steps.check.outputs.${name} }}`);
    expect(script).toContain(`echo "${name}=`);
  }
  const [step] = action.runs.steps;
  expect(step!.run).not.toContain('${{');
  expect(Object.values(step!.env).sort()).toEqual(
    Object.keys(action.inputs)
      .map((name) => `\${{ inputs.${name} }}`)
      .sort(),
  );
});

test('the script of the component writes both reports', () => {
  spec('nixos-25.11');
  const [, job] = yaml('integrations/gitlab/check.yml') as unknown as [
    object,
    { 'reflake-check': { script: string[]; artifacts: { reports: Record<string, string> } } },
  ];
  const { script, artifacts } = job['reflake-check'];
  const ran = run('sh', ['-ec', script.join('\n')], { REFLAKE: 'reflake', ARGUMENTS: '--skip lock' });
  expect([ran.status, ran.stderr]).toEqual([expect.any(Number), expect.not.stringContaining('usage')]);
  for (const file of Object.values(artifacts.reports)) expect(existsSync(`${dir}/checkout/${file}`)).toBe(true);
  expect(JSON.parse(readFileSync(`${dir}/checkout/${artifacts.reports.codequality}`, 'utf8'))).not.toEqual([]);
});
