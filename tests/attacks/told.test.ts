// What a program says of a tree is told to whoever called root: they hear no line of a file that they could not read, and a proof
// gives nobody the bytes of one.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode } from '../fixtures/scenario.ts';

/** Stands in the file that is closed. */
const SECRET = 'hunter2';
const said = ({ stdout, stderr }: Ran): string => `${stdout}${stderr}`;

/** A host whose system and name are `value`, an expression. */
const flake = (value: string): string =>
  `{ outputs = { self }: { nixosConfigurations.nixos = let
  top = derivation { name = "nixos-system"; system = "x86_64-linux"; builder = "/bin/sh"; text = ${value}; };
  host = { options = { }; config = { system.build.toplevel = top; networking.hostName = ${value}; }; extendModules = _: host; };
in host; }; }`;

let machine: Machine;

beforeAll(async () => {
  machine = await makeMachine({ kind: 'nixos' });
  const spec = (config: string): string =>
    `version: 1\nhost: { name: nixos, system: x86_64-linux }\nconfig: { ${config} }\ninputs: {}\n`;
  const write = (file: string, text: string, mode = 644): string =>
    `mkdir -p $(dirname ${file}); cat > ${file} <<'END'\n${text}\nEND\nchmod ${mode} ${file}`;
  const made = await machine.sh(
    [
      'echo "kim:x:1777:1777::/home/kim:/bin/sh" >> /etc/passwd; echo "kim:x:1777:" >> /etc/group',
      write('/srv/theirs.yaml', spec('path: /home/srid/config')),
      write('/srv/moved.yaml', spec('path: /home/srid/moved, from: /srv/roots, owner: srid')),
      write('/home/srid/config/flake.nix', flake('import ./closed.nix')),
      write('/home/srid/config/closed.nix', `"${SECRET}"`, 600),
      write('/home/srid/own/flake.nix', flake(`"${SECRET}"`), 600),
      write('/home/kim/own/flake.nix', flake('"nothing"')),
      write('/srv/roots/flake.nix', flake('import ./closed.nix')),
      write('/srv/roots/closed.nix', `"${SECRET}"`, 600),
      write('/srv/lock.yaml', spec('path: /home/srid/locked').replace('{}', '{ p: "path:/home/srid/closed" }')),
      write('/home/srid/locked/flake.nix', '{ inputs.p.url = "path:/home/srid/closed"; outputs = _: { }; }'),
      write('/home/srid/closed/flake.nix', `{ outputs = _: ${SECRET}; }`, 600),
      write('/srv/public.yaml', spec('path: /srv/public').replace('{}', '{ p: "path:/srv/input" }')),
      write('/srv/public/flake.nix', '{ inputs.p.url = "path:/srv/input"; outputs = _: { }; }'),
      write('/srv/input/flake.nix', `{ outputs = _: ${SECRET}; }`),
      // A commit that srid cannot read: only what is planned is evaluated.
      'cd /srv/roots; git init -q; git add .; git -c user.name=a -c user.email=a@b commit -qm a; chmod 700 .git',
      'chmod 755 /home/srid; chown -R srid:users /home/srid; chown -R kim:kim /home/kim',
    ].join('\n'),
  );
  expectCode(made, 0);
}, 120_000);
afterAll(() => machine.remove());

const reflake = (words: readonly string[], sudo: string): Promise<Ran> =>
  machine.enter(['reflake', ...words], { sudo });

describe('of the tree of somebody else, which has a file that the caller could not read', () => {
  const spec = ['--spec', '/srv/theirs.yaml'];
  const LOOKS: readonly (readonly string[])[] = [
    ['same', '.', 'path:/home/kim/own'],
    ['same', 'path:/home/srid/own', 'path:/home/kim/own'],
    ['check', '--evaluate', 'always', '-v'],
    ['plan', '--evaluate', 'always'],
    ['why', 'host.name', '--evaluate', 'always'],
  ];

  test.each(LOOKS.map((look) => [look.join(' '), look] as const))(
    '%s: the owner hears it, and the caller does not',
    async (_, words) => {
      for (const format of [[], ['--format', 'json']]) {
        expect(said(await reflake([...words, ...spec, ...format], 'srid'))).toContain(SECRET);
        expect(said(await reflake([...words, ...spec, ...format], 'kim'))).not.toContain(SECRET);
      }
    },
  );

  test('why it does not evaluate is said to the owner alone', async () => {
    const file = '/home/srid/config/closed.nix';
    expectCode(await machine.sh(`echo 'throw "${SECRET}"' > ${file}`), 0);
    try {
      for (const look of [
        ['check', '--evaluate', 'always', '-v'],
        ['same', '.', 'path:/home/kim/own', '-v'],
      ]) {
        expect(said(await reflake([...look, ...spec], 'srid'))).toContain(SECRET);
        expect(said(await reflake([...look, ...spec], 'kim'))).not.toContain(SECRET);
      }
    } finally {
      expectCode(await machine.sh(`echo '"${SECRET}"' > ${file}`), 0);
    }
  });
});

test('why a lock fails is told where nothing of it is closed', async () => {
  const lock = async (spec: string, caller: string): Promise<string> =>
    said(await reflake(['plan', '--spec', spec, '--evaluate', 'never'], caller));
  for (const caller of ['srid', 'kim']) expect(await lock('/srv/public.yaml', caller)).toContain(SECRET);
  expect(await lock('/srv/lock.yaml', 'srid')).toContain(SECRET);
  expect(await lock('/srv/lock.yaml', 'kim')).not.toContain(SECRET);
});

test('a proof of a move gives its owner-to-be no file of root’s that only root can read', async () => {
  for (const words of [['prove'], ['plan', '--prove']]) {
    expectCode(await machine.sh('rm -rf /home/srid/.cache'), 0);
    const proved = await reflake([...words, '--spec', '/srv/moved.yaml'], 'srid');
    expect(said(proved)).toContain('"/srv/roots/closed.nix" can only be read by root');
    expect(said(proved)).not.toContain(SECRET);
    const { stdout } = await machine.sh(`find /home/srid -path '*/store/*' -name closed.nix`);
    expect(stdout).toBe('');
  }
});

test('a report of root’s own is written to no place that others can change', async () => {
  const asRoot = (file: string): Promise<Ran> =>
    machine.sh(`reflake check --spec /srv/moved.yaml --format json=${file}`);
  const refused = await asRoot('/home/srid/report.json');
  expect(said(refused)).toContain('the json report cannot be written to "/home/srid/report.json": it would hold what');
  await asRoot('/srv/report.json');
  expect((await machine.sh('ls /home/srid/report.json /srv/report.json')).stdout).toBe('/srv/report.json\n');
});
