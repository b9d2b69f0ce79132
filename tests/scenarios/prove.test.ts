// The proof that a flake is the same system as the channel was, and the comparison of two flakes: with the real Nix, through
// the command line, on a machine.
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { planText } from '../../cmd/session/plan-file.ts';
import { withProof } from '../../core/plan/plan-id.ts';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode, machineLines } from '../fixtures/scenario.ts';

const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';
const TREE = '/home/srid/nixos-config';

const said = ({ stdout, stderr }: Ran): string => `${stdout}${stderr}`;

describe('a machine with a channel', () => {
  let machine: Machine;
  const reflake = (...args: string[]): Promise<Ran> => machine.enter(['reflake', ...args], { sudo: 'srid' });
  const root = async (script: string): Promise<void> => expectCode(await machine.sh(script), 0);
  const append = (line: string): Promise<void> =>
    root(`cd /etc/nixos && cp configuration.nix /root/kept.nix && sed -i 's|^}$|  ${line}\\n}|' configuration.nix`);
  const putBack = (): Promise<void> => root('cp /root/kept.nix /etc/nixos/configuration.nix');

  beforeAll(async () => {
    machine = await makeMachine({ kind: 'nixos' });
    await root('install -d -o srid -g users -m 700 /home/srid/.cache');
    expectCode(await reflake('init', '--yes', '--nixpkgs', NIXPKGS), 0);
  }, 120_000);
  afterAll(() => machine.remove());

  test('becomes the same system but for its label, and nothing is changed to know it', async () => {
    const stored = async (): Promise<string> => (await machine.sh('ls /nix/store')).stdout;
    // The plan has locked nixpkgs once, so what it brings into the store is there.
    expectCode(await reflake('plan'), 0);
    const [before, store] = [machineLines(machine), await stored()];
    const proved = await reflake('prove');
    expectCode(proved, 0);
    expect(said(proved)).toContain('proof nixos: same but for 3 options');
    expect(said(proved)).toMatch(/option system\.nixos\.versionSuffix: \.2962\.057f9aecfb71 → \.\d{8}\.dirty/);
    expect(said(proved)).toContain('option system.nixos.revision: 057f9aecfb71c4437d2b27d3323df7f93c010b7e → (unset)');
    expect(said(proved)).toContain('option nix.settings.experimental-features: (unset) → ["nix-command","flakes"]');
    expect(machineLines(machine)).toEqual(before);
    expect(await stored()).toBe(store);
    const { stdout } = await machine.sh(`stat -c '%a %U' /home/srid/.cache/reflake`);
    expect(stdout).toBe('700 srid\n');
  });

  test('of which a flake cannot see a file is another system: the place in it, and the line', async () => {
    await append('environment.etc."a".text = if builtins.pathExists /etc/hostname then "yes" else "no";');
    const proved = await reflake('prove');
    const json = await reflake('prove', '--format', 'json');
    await putBack();
    expectCode(proved, 2);
    expect(said(proved)).toContain('proof nixos: differs: 1 cause');
    expect(said(proved)).toMatch(
      /^proof nixos: etc: a: yes → no \(see environment\.etc\.a\.text, configuration\.nix:\d+:3\)$/m,
    );
    expectCode(json, 2);
    const events = json.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.find(({ type }) => type === 'proved').proof.verdict).toMatchObject({
      kind: 'differs',
      causes: [{ way: ['etc'], change: { kind: 'source', name: 'a', lines: { went: ['yes'], came: ['no'] } } }],
    });
  });

  test.each([
    [
      'import-from-derivation',
      'environment.etc."a".text = builtins.readFile (pkgs.writeText "a" "a");',
      'it needs import-from-derivation: to evaluate it Nix has to build something',
    ],
    [
      'an unfree package',
      'environment.etc."a".text = throw "Package ‘steam-1.0’ in /x.nix:1 has an unfree license (‘unfree’), refusing to evaluate.";',
      '"steam-1.0" is unfree, and the configuration does not allow it',
    ],
    ['a mistake', 'environment.etc."a".text = throw "unfinished";', 'unfinished'],
  ])('that needs %s is not proven', async (_what, line, why) => {
    await append(line);
    const proved = await reflake('prove');
    await putBack();
    expectCode(proved, 1);
    expect(said(proved)).toContain('proof nixos: not proven');
    expect(said(proved)).toContain(why);
  });

  test('a secret that git would show is not shown to Nix either', async () => {
    await append('environment.etc."k".source = ./key.pem;');
    await root(
      `printf -- '-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\\n-----END PRIVATE KEY-----\\n' > /etc/nixos/key.pem`,
    );
    const proved = await reflake('prove');
    await putBack();
    await root('rm /etc/nixos/key.pem');
    expectCode(proved, 6);
    expect(said(proved)).not.toContain('proof nixos');
    expectCode(await machine.sh('! find /nix/store /home/srid/.cache -name "*key.pem" | grep .'), 0);
  });

  const SPEC = '/home/srid/reflake.yaml';
  const PLAN = '/home/srid/plan.json';
  const withLine = async (line: string, act: () => Promise<void>): Promise<void> => {
    await root(
      `cp ${SPEC} /root/spec.yaml && { sed -i '/^${line.split(':')[0]}:/d' ${SPEC}; echo '${line}' >> ${SPEC}; }`,
    );
    try {
      await act();
    } finally {
      await root(`cp /root/spec.yaml ${SPEC}`);
    }
  };

  test('is applied without a question only as the same system, or as the one whose difference is named', async () => {
    await append('environment.etc."a".text = if builtins.pathExists /etc/hostname then "yes" else "no";');
    const before = machineLines(machine);
    const refused = await reflake('apply', '--yes');
    expectCode(refused, 6);
    expect(said(refused)).toContain('proof nixos: etc: a: yes → no');
    const [, id = ''] = /\[RF3031\]|--accept-difference ([0-9a-f]{8})\)/.exec(said(refused)) ?? [];
    expect(id).toHaveLength(8);
    expectCode(await reflake('apply', '--yes', '--accept-difference', '00000000'), 6);
    expect(machineLines(machine)).toEqual(before);
    expectCode(await reflake('apply', '--yes', '--accept-difference', id), 0);
    expectCode(await reflake('rollback', '--yes'), 0);
    await putBack();
    await append('environment.etc."a".text = throw "unfinished";');
    const unproven = await reflake('apply', '--yes');
    expectCode(unproven, 6);
    expect(said(unproven)).toContain('is not proven: unfinished');
    await withLine('proof: off', async () => {
      expectCode(await reflake('apply', '--yes'), 0);
      expectCode(await reflake('rollback', '--yes'), 0);
    });
    await putBack();
  });

  test('that must be proven is not applied from a saved plan without a proof', async () => {
    await withLine('proof: required', async () => {
      expectCode(await reflake('plan', '--out', PLAN), 0);
      const refused = await reflake('apply', PLAN, '--yes');
      expectCode(refused, 6);
      expect(said(refused)).toContain('the plan carries no proof, and the spec requires one');
    });
  });

  test('is built as it was proven, or not at all', async () => {
    await withLine('activate: build', async () => {
      expectCode(await reflake('plan', '--prove', '--out', PLAN), 0);
      const file = `${machine.dir}${PLAN}`;
      const text = readFileSync(file, 'utf8');
      const saved = JSON.parse(text);
      const { proof } = saved;
      expect(proof.second.plain.drv).toMatch(/^\/nix\/store\/.*\.drv$/);
      const blobs = Object.fromEntries(
        Object.entries(saved.blobs as Record<string, string>).map(([digest, bytes]) => [
          digest,
          new Uint8Array(Buffer.from(bytes, 'base64')),
        ]),
      );
      const plain = { ...proof.second.plain, drv: proof.second.plain.drv.replace(/[0-9a-z]{32}/, 'a'.repeat(32)) };
      const other = withProof({ ...saved, blobs }, { ...proof, second: { ...proof.second, plain } });
      writeFileSync(file, planText(other));
      // The edits were made and undone, so directories have another time.
      const lines = (): readonly string[] => machineLines(machine).map((line) => line.replace(/\t[\d.]+$/, ''));
      const before = lines();
      const refused = await reflake('apply', PLAN, '--yes');
      expectCode(refused, 3);
      expect(said(refused)).toContain('[RF3032]');
      expect(lines()).toEqual(before);
      writeFileSync(file, text);
      expectCode(await reflake('apply', PLAN, '--yes'), 0);
      expectCode(await reflake('rollback', '--yes'), 0);
    });
  });

  test('a saved plan carries its proof, and so does the history', async () => {
    const made = await reflake('plan', '--prove', '--out', '/home/srid/plan.json');
    expectCode(made, 0);
    expect(said(made)).toContain('proof nixos: same but for 3 options');
    const plan = JSON.parse(readFileSync(`${machine.dir}/home/srid/plan.json`, 'utf8'));
    expect(plan.proof.verdict.kind).toBe('same');
    expect(plan.proof.first.forced).toEqual(plan.proof.second.forced);
    const without = await reflake('plan', '--format', 'json');
    const events = without.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.find(({ type }) => type === 'planned').plan.id).toBe(plan.id);
    const applied = await reflake('apply', '/home/srid/plan.json', '--yes');
    expectCode(applied, 0);
    expect(said(applied)).toContain('proof nixos: same but for 3 options');
    expect(said(await reflake('show'))).toContain('proof nixos: same but for 3 options');
    const altered = plan.proof.second.label;
    await root(`sed -i 's|${altered}|other|' /home/srid/plan.json`);
    expectCode(await reflake('apply', '/home/srid/plan.json', '--yes'), 3);
  });

  test('that has become a flake is compared with its past', async () => {
    const asSrid = (script: string): Promise<Ran> => machine.sh(script, { user: 'srid' });
    const identical = await reflake('same', '.', '.');
    expectCode(identical, 0);
    expect(said(identical)).toContain('proof nixos: identical');
    expectCode(
      await asSrid(`cd ${TREE} && git add -A && git -c user.name=s -c user.email=s@example.org commit -qm one`),
      0,
    );
    const committed = await reflake('same', 'HEAD', '.');
    expectCode(committed, 0);
    expectCode(
      await asSrid(`cd ${TREE} && sed -i 's|^}$|  environment.etc."b".text = "more";\\n}|' configuration.nix`),
      0,
    );
    const edited = await reflake('same', 'HEAD', '.');
    expectCode(edited, 2);
    expect(said(edited)).toContain('now made from b');
    const proved = await reflake('prove');
    expectCode(proved, 2);
    const all = await reflake('same', 'HEAD', '.', '--host', 'all');
    expectCode(all, 2);
    expect(said(all)).toContain('same: 1 host: 0 the same, 1 differs');
    const running = await reflake('same', 'running', '.');
    expectCode(running, 2);
    expect(said(running)).toContain('proof nixos: differs');
    expectCode(await reflake('same', 'running', '1'), 0);
    expectCode(await reflake('same', 'nosuch', '.'), 1);
    expectCode(await reflake('same', '.'), 64);
    const channel = await reflake('same', '--channel', '.');
    expectCode(channel, 1);
    expect(said(channel)).toContain('proof nixos: not proven: <nixpkgs/nixos>');
  });
});
