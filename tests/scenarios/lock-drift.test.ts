// Changes of a lock that Nix does not notice are drift, each kind with its code; the lock is judged without Nix and network.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode, inPath, machineLines, toolsDir, withPath } from '../fixtures/scenario.ts';

const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';
const TREE = '/home/srid/nixos-config';

let machine: Machine;
let bare: string;
let withGit: string;
let withNix: string;

const reflake = (...args: string[]): Promise<Ran> => machine.enter(['reflake', ...args], { sudo: 'srid' });
const without = (path: string, ...args: string[]): Promise<Ran> => withPath(machine, path, args);
const sh = async (script: string): Promise<string> => {
  const ran = await machine.sh(`cd ${TREE} && ${script}`, { user: 'srid' });
  expectCode(ran, 0);
  return ran.stdout;
};
const root = async (script: string): Promise<void> => expectCode(await machine.sh(script), 0);
/** Several commands in one go. */
const all = (...commands: readonly (readonly string[])[]): Promise<readonly Ran[]> =>
  machine.enterAll(commands, { sudo: 'srid' });
const said = (ran: Ran | undefined): string => `${ran?.stdout}${ran?.stderr}`;

/** Runs what is between a change of files and their return, come what may. */
async function meanwhile(files: string, by: string, act: () => Promise<void>): Promise<void> {
  await root(`tar -C / -cf /root/kept ${files} && cd ${TREE} && ${by}`);
  let [back, check]: readonly (Ran | undefined)[] = [];
  try {
    await act();
  } finally {
    [back, check] = await all(['sh', '-euc', 'tar -C / -xpf /root/kept && rm /root/kept'], ['reflake', 'check']);
  }
  expectCode(back, 0);
  expectCode(check, 0);
}

async function isApplied(): Promise<void> {
  const [apply, check] = await all(['reflake', 'apply', '--yes'], ['reflake', 'check']);
  expectCode(apply, 0);
  expectCode(check, 0);
}

/** Drift that apply mends: seen without Nix, planned, applied, gone. */
async function isMended(...named: readonly (string | RegExp)[]): Promise<void> {
  const before = machineLines(machine);
  const [seen, plan] = await all(inPath(bare, 'check', '--only', 'lock'), ['reflake', 'plan']);
  expectCode(seen, 2);
  for (const name of named) expect(said(seen)).toMatch(name);
  expectCode(plan, 0);
  expect(machineLines(machine)).toEqual(before);
  await isApplied();
}

beforeAll(async () => {
  machine = await makeMachine({ kind: 'plain' });
  bare = toolsDir(machine, 'bare', []);
  withGit = toolsDir(machine, 'with-git', ['git']);
  withNix = toolsDir(machine, 'with-nix', ['nix']);
  await root(`
    echo 'download-attempts = 1' >> /etc/nix/nix.conf
    mkdir -p /srv/dep /srv/data /srv/inner /srv/twin
    echo '{ outputs = _: { }; }' | tee /srv/inner/flake.nix /srv/twin/flake.nix > /dev/null
    cat > /srv/dep/flake.nix <<'FLAKE'
    {
      inputs.inner.url = "path:/srv/inner";
      inputs.twin.url = "path:/srv/twin";
      inputs.same.follows = "inner";
      outputs = _: { };
    }
FLAKE
    echo 1 > /srv/data/number`);
  expectCode(await reflake('init', '--yes', '--nixpkgs', NIXPKGS), 0);
  await root(
    `sed -i '/^inputs:/a\\  dep: "path:/srv/dep"\\n  twin: "path:/srv/twin"\\n  data: { url: "path:/srv/data", flake: false }' /home/srid/reflake.yaml`,
  );
  expectCode(await reflake('apply', '--yes'), 0);
});
afterAll(async () => machine.remove());

test('in sync needs neither Nix nor git, and what the dependency itself follows is no open question', async () => {
  const ran = await without(bare, 'check');
  expectCode(ran, 0);
  expect(said(ran)).not.toMatch(/RF2019/);
  // Two inputs of one source: a note with the line to paste.
  expect(said(ran)).toMatch(/RF2025/);
  expect(said(ran)).toContain('inputs.dep.inputs.twin.follows = "twin";');
});

describe('drift that Nix does not notice', () => {
  test('flake = false toggled in the lock', async () => {
    await sh(`sed -i '/"flake": false,/d' flake.lock`);
    await isMended('RF2022', /lock\.data/);
    expect(await sh('cat flake.lock')).toMatch(/"flake": false/);
  });

  test('the tree of a path input changed; only that input is locked again', async () => {
    const old = JSON.parse(await sh('cat flake.lock'));
    await root('echo 2 > /srv/data/number');
    await isMended('RF2023', /lock\.data/, '/srv/data');
    const next = JSON.parse(await sh('cat flake.lock'));
    expect(next.nodes.data.locked.narHash).not.toBe(old.nodes.data.locked.narHash);
    expect(next.nodes.dep).toEqual(old.nodes.dep);
  });

  test.each([
    ['a bit that is executable', 'chmod +x /srv/data/number'],
    ['a new link', 'ln -s nowhere /srv/data/link'],
  ])('%s is a change of the tree too', async (_what, by) => {
    await root(by);
    await isMended('RF2023', /lock\.data/);
  });

  test('the tree of a path input is gone: nothing that locking could mend', async () => {
    await meanwhile('srv/data', 'rm -r /srv/data', async () => {
      const before = machineLines(machine);
      const ran = await without(bare, 'check', '--only', 'lock');
      expectCode(ran, 2);
      expect(said(ran)).toMatch(/nothing at "\/srv\/data".*RF2023/);
      expectCode(await reflake('apply', '--yes'), 1);
      expect(machineLines(machine)).toEqual(before);
    });
  });

  test('a tree that no NAR can hold is said, not compared', async () => {
    await root('mkfifo /srv/data/fifo');
    const ran = await without(bare, 'check', '--only', 'lock');
    await root('rm /srv/data/fifo');
    expectCode(ran, 0);
    expect(said(ran)).toMatch(/fifo.*RF2034/);
  });

  test('flake.lock untracked', async () => {
    await sh('git rm -q --cached flake.lock');
    const ran = await without(bare, 'check', '--only', 'lock');
    expectCode(ran, 2);
    expect(said(ran)).toMatch(/index.*RF2024/);
    await isApplied();
  });

  test('flake.lock ignored, and git is no wish', async () => {
    const by = `sed -i 's/^git: track/git: off/' ~srid/reflake.yaml && echo flake.lock > .git/info/exclude && git -c safe.directory=* rm -q --cached flake.lock`;
    await sh('mkdir -p .git/info && touch .git/info/exclude');
    await meanwhile(`home/srid/reflake.yaml ${TREE.slice(1)}`, by, async () => {
      const ran = await without(bare, 'check');
      expectCode(ran, 2);
      expect(said(ran)).toMatch(/exclude:1.*RF2024/);
    });
  });

  test.each([
    ['url together with follows', 'both = { url = "path:/srv/twin"; follows = "nixpkgs"; };', 'RF2026', 2],
    ['a follows without a target', 'dep.inputs.inner.follows = "nothing";', 'RF2027', 2],
    ['an override of an input that is not there', 'dep.inputs.none.url = "path:/srv/twin";', 'RF2030', 0],
  ])('%s', async (_what, line, code, exit) => {
    await meanwhile(`${TREE.slice(1)}/flake.nix`, `sed -i '/inputs = {/ s|$| ${line}|' flake.nix`, async () => {
      const before = machineLines(machine);
      const ran = await without(bare, 'check', '--only', 'lock');
      expectCode(ran, exit);
      expect(said(ran)).toMatch(new RegExp(`flake\\.nix:\\d+:\\d+.*${code}`));
      if (exit !== 0) expectCode(await reflake('plan', '--only', 'lock'), 1);
      expect(machineLines(machine)).toEqual(before);
    });
  });
});

describe('a lock that must be computed', () => {
  test('without Nix, check says what is stale, and plan and apply refuse', async () => {
    const by = `sed -i 's|"path": "/srv/dep"|"path": "/elsewhere"|' flake.lock`;
    await meanwhile(`${TREE.slice(1)}/flake.lock`, by, async () => {
      const before = machineLines(machine);
      const [check, ...refused] = await all(
        inPath(bare, 'check'),
        inPath(withGit, 'plan'),
        inPath(withGit, 'plan', '--only', 'lock', '--skip', 'git'),
        inPath(withGit, 'apply', '--yes'),
      );
      expectCode(check, 2);
      expect(said(check)).toMatch(/lock\.dep/);
      expect(said(check)).toMatch(/changed from "path:\/elsewhere" to "path:\/srv\/dep"/);
      expect(said(check)).not.toMatch(/RF400/);
      expect(refused).toHaveLength(3);
      for (const ran of refused) {
        expectCode(ran, 1);
        expect(said(ran)).toMatch(/flake\.lock.*RF4001/);
      }
      expect(machineLines(machine)).toEqual(before);
    });
  });

  test('without a network neither', async () => {
    const by = `sed -i '/^inputs:/a\\  far: "http://127.0.0.1:9/far.tar.gz"' ~srid/reflake.yaml`;
    await meanwhile('home/srid/reflake.yaml', by, async () => {
      const before = machineLines(machine);
      const [check, plan, apply] = await all(['reflake', 'check'], ['reflake', 'plan'], ['reflake', 'apply', '--yes']);
      expectCode(check, 2);
      expect(said(check)).toMatch(/lock\.far/);
      expectCode(plan, 1);
      expect(said(plan)).toMatch(/RF4005/);
      expectCode(apply, 1);
      expect(machineLines(machine)).toEqual(before);
    });
  });

  test('a merge that git left open: both sides are kept, only the true conflict is locked again', async () => {
    const old = JSON.parse(await sh('cat flake.lock'));
    const touch = (input: string, date: number): string =>
      `node -e '
        const fs = require("fs"); const lock = JSON.parse(fs.readFileSync("flake.lock"));
        lock.nodes["${input}"].locked.lastModified = ${date};
        fs.writeFileSync("flake.lock", JSON.stringify(lock, null, 2) + "\\n");'`;
    await sh(`
      git config user.name srid; git config user.email srid@example.org
      git add flake.lock flake.nix; git commit -qm base; git branch theirs
      ${touch('twin', 11)}; ${touch('data', 12)}; git commit -qam ours; git checkout -q theirs
      ${touch('data', 13)}; git commit -qam theirs; git checkout -q -
      git merge -q theirs > ../merge.log 2>&1 && exit 1; rm ../merge.log; grep -q '<<<<<<<' flake.lock`);
    const check = await without(bare, 'check', '--only', 'lock');
    expectCode(check, 2);
    expect(said(check)).toMatch(/flake\.lock:\d+.*RF2013/);
    expect(said(check)).toMatch(/locked again: data\b/);
    expectCode(await reflake('apply', '--yes'), 0);
    const next = JSON.parse(await sh('cat flake.lock'));
    expect(next.nodes.twin.locked.lastModified).toBe(11);
    expect(next.nodes.data.locked.narHash).toBe(old.nodes.data.locked.narHash);
    expect(next.nodes.data.locked.lastModified).toBeGreaterThan(13);
    expectCode(await reflake('check'), 0);
    await sh('git add flake.lock && git commit -qm merged');
  });

  test.each([
    ['cut off', 'head -c 300 flake.lock', /RF2012/],
    ['of a later format', `sed 's/"version": 7/"version": 8/' flake.lock`, /version 8.*RF2012/],
    ['empty', ':', /RF2012/],
    ['a cycle', `sed 's/"inputs": {/&"loop": "dep",/' flake.lock`, /cycle.*RF2012/],
  ])('one that is %s', async (_what, by, named) => {
    await sh(`${by} > ../new; cat ../new > flake.lock; rm ../new`);
    await isMended(named);
  });
});

test('relative inputs: the version of Nix that is there decides, and a changed one is locked again', async () => {
  await sh(`mkdir sub && echo '{ outputs = _: { }; }' > sub/flake.nix && git add -N sub`);
  await sh(`sed -i '/^inputs:/a\\  sub: "path:./sub"' ~/reflake.yaml`);
  await isApplied();
  const hasHash = JSON.parse(await sh('cat flake.lock')).nodes.sub.locked.narHash !== undefined;
  await sh(`echo '{ inputs.x.url = "path:/srv/twin"; outputs = _: { }; }' > sub/flake.nix`);
  expectCode(await without(withNix, 'check', '--only', 'lock', '--skip', 'git'), 2);
  const check = await without(withNix, 'check');
  expect(said(check)).toMatch(hasHash ? /is not what was locked.*RF2023/ : /declares other inputs.*RF2023/);
  await isApplied();
  // Without any Nix, the newest rules count: they ask where a relative path starts.
  expectCode(await without(bare, 'check'), hasHash ? 2 : 0);
});
