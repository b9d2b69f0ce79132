// The codes that a run of the program tells, not a plan alone: each with a machine, what is done to it, and the command.

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Code } from '../../core/codes.ts';
import type { CodeExample } from '../../core/event.ts';
import { BASES, specOf } from './plan-cases.ts';
import { layOut, temporary } from './trees.ts';

/** `run`: a script of sh in the machine's `/`; `$reflake` is the program, with its spec and its root. */
interface Provoked {
  readonly code: Code;
  readonly about: string;
  readonly base?: keyof typeof BASES.machines;
  readonly spec?: unknown;
  readonly run: string;
}

const PROGRAM = fileURLToPath(new URL('../../dist/reflake.cjs', import.meta.url));
const SKIP = '--skip lock';
const SAVED = `$reflake plan ${SKIP} --out ../plan.json > ../said 2>&1`;
const APPLIED = `$reflake apply --yes ${SKIP} > ../said 2>&1`;

export const PROVOKED: readonly Provoked[] = [
  { code: 'RF1001', about: 'The spec is not where --spec says.', run: 'rm ../spec.json; $reflake plan' },
  {
    code: 'RF1011',
    about: 'Root is to apply a spec that somebody else can write.',
    run: 'chown nobody ../spec.json; $reflake plan',
  },
  {
    code: 'RF1012',
    about: 'The author of the spec is trusted, and not with features.',
    spec: { features: ['flakes'] },
    run: 'chmod 755 ..; chown nobody ../spec.json; $reflake --trust-spec-of nobody plan',
  },
  {
    code: 'RF1018',
    about: 'The table of ends of support is not JSON.',
    run: 'echo soon > ../ends.json; $reflake check --eol ../ends.json',
  },
  {
    code: 'RF2012',
    about: 'The lock was cut off.',
    base: 'settled',
    run: 'echo "{" > home/srid/nixos-config/flake.lock; $reflake plan',
  },
  {
    code: 'RF2040',
    about: 'A link of the owner in the place of the configuration leads to root’s.',
    run: 'mkdir srv; ln -s /srv home/srid/nixos-config; chown -h 1000:100 home/srid/nixos-config; $reflake plan',
  },
  {
    code: 'RF1016',
    about: 'What was accepted is no longer there.',
    spec: { ack: [{ finding: 'sha256:0123456789ab', reason: 'later' }] },
    run: '$reflake check',
  },
  {
    code: 'RF1017',
    about: 'ack, and the spec is immutable.',
    run: `chattr +i ../spec.json; $reflake ack --all --until 2999-01-01 --reason later; chattr -i ../spec.json`,
  },
  {
    code: 'RF2001',
    about: 'The owner in the spec is no user.',
    spec: { config: { owner: 'sird' } },
    run: '$reflake plan',
  },
  {
    code: 'RF2042',
    about: 'A file system is mounted at what is to move.',
    run: `mount --bind etc/nixos etc/nixos; $reflake plan ${SKIP}; umount etc/nixos`,
  },
  {
    code: 'RF2043',
    about: 'The directory that would change is immutable.',
    run: `chattr +i etc; $reflake plan ${SKIP}; chattr -i etc`,
  },
  {
    code: 'RF3001',
    about: 'The configuration was edited after the plan was saved.',
    run: `${SAVED}; echo "# more" >> etc/nixos/configuration.nix; $reflake apply ../plan.json --yes`,
  },
  {
    code: 'RF3002',
    about: 'The file of a saved plan was edited.',
    run: `${SAVED}; sed -i s/nixos-config/nixos-confik/ ../plan.json; $reflake apply ../plan.json --yes`,
  },
  {
    code: 'RF3003',
    about: 'The spec was edited after the plan was saved.',
    run: `${SAVED}; sed -i s/nixos-24.05/nixos-24.11/ ../spec.json; $reflake apply ../plan.json --yes`,
  },
  {
    code: 'RF3007',
    about: 'Another process holds the lock.',
    run: `mkdir -p var/lib/reflake; chmod 700 var/lib/reflake; flock var/lib/reflake/lock $reflake apply --yes ${SKIP}`,
  },
  { code: 'RF3008', about: 'apply in a script, without --yes.', run: `$reflake apply ${SKIP}` },
  { code: 'RF3010', about: 'A rollback of an apply that never was.', run: '$reflake rollback 9' },
  {
    code: 'RF3011',
    about: 'A file was edited after the apply that is to be undone.',
    run: `${APPLIED}; echo "# more" >> home/srid/nixos-config/flake.nix; $reflake rollback --yes`,
  },
  {
    code: 'RF3015',
    about: 'The state would lie in what is to move.',
    run: `$reflake apply --yes ${SKIP} --state "$PWD/etc/nixos/state"`,
  },
  {
    code: 'RF3022',
    about: 'The spec lies in the configuration that moves.',
    run: `cp ../spec.json etc/nixos; $program --spec etc/nixos/spec.json --root "$PWD" apply --yes ${SKIP}`,
  },
  {
    code: 'RF3027',
    about: 'A later apply stands on the one that is to be undone.',
    run: `${APPLIED}; : > etc/nix/nix.conf; ${APPLIED}; $reflake rollback 1 --yes`,
  },
  { code: 'RF3029', about: 'A rollback shows what it brings back.', run: `${APPLIED}; $reflake rollback` },
  {
    code: 'RF3033',
    about: 'eject, and an apply was cut off.',
    run: 'mkdir -p var/lib/reflake/journal; : > var/lib/reflake/journal/begin; $reflake eject',
  },
  { code: 'RF3034', about: 'eject, where an apply can be undone.', run: `${APPLIED}; $reflake eject` },
  {
    code: 'RF3030',
    about: 'A report into a directory that is not there.',
    run: `$reflake check ${SKIP} --format sarif=none/report.sarif`,
  },
  {
    code: 'RF3035',
    about: 'A record of checks that another program wrote.',
    run: `echo hello > record; $reflake check ${SKIP} --notify-state record`,
  },
];

/** What the program tells with the code. */
export function provoke({ code, base = 'fresh', spec = {}, run }: Provoked): CodeExample['says'] {
  const { dir, remove } = temporary();
  try {
    const root = `${dir}/machine`;
    mkdirSync(root);
    layOut(root, BASES.machines[base]);
    writeFileSync(`${dir}/spec.json`, specOf({ spec }));
    const program = `${process.execPath} ${PROGRAM}`;
    const script = `program="${program}"; reflake="${program} --spec ../spec.json --root ."\n${run}`;
    const env = { PATH: process.env.PATH, HOME: '/root' };
    const { stdout, stderr } = spawnSync('sh', ['-c', script], { cwd: root, encoding: 'utf8', env });
    const said = `${stdout}\n${stderr}`.replaceAll(`${root}/`, '/').replaceAll(`${dir}/`, '').replaceAll('../', '');
    const line = said.split('\n').find((one) => one.includes(code));
    if (line === undefined) throw new Error(`${code} is not told:\n${said}`);
    return line.replace(/(?:error|warning|note): |^.* # /, '').replace(` [${code}]`, '');
  } finally {
    remove();
  }
}
