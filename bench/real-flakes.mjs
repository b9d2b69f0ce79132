// Compares what `check` says of real flakes with what Nix evaluates of them: of every wish the share that the text decides, that
// evaluation decides, that stays undecided, and the wrong ones, which are named. Each wish is stated as it is, and otherwise.
//
//   node bench/real-flakes.mjs DIR [--only WORD] [--part 1/4] [--into FILE] [--write-docs]
//
// DIR has a git clone for each flake, with flake.nix and flake.lock at its top. Where there is a file NAME.lock beside the clone
// NAME, evaluation goes by that lock: with one whose sources are at hand no network is needed. --into keeps the results, and
// goes on after those that are there; --part takes every fourth flake. Nix is the 2.34 of scripts/nix-versions.sh. Build first.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const PROGRAM = new URL('../dist/reflake.cjs', import.meta.url).pathname;
const DOCS = new URL('../docs/nix.md', import.meta.url).pathname;
const versions = process.env.REFLAKE_NIX_VERSIONS ?? join(homedir(), '.cache/reflake-nix');
const [dir, ...args] = process.argv.slice(2);
const option = (name) => (args.includes(name) ? args[args.indexOf(name) + 1] : undefined);
const scratch = mkdtempSync(join(tmpdir(), 'reflake-flakes-'));
const env = {
  ...process.env,
  PATH: `${join(versions, '2.34/bin')}:${process.env.PATH}`,
  NIX_CONFIG: 'experimental-features = nix-command flakes pipe-operators',
  XDG_STATE_HOME: join(scratch, 'state'),
  ...{ GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' },
};

// What Nix says.

const SETTINGS = ['allow-import-from-derivation false', 'accept-flake-config false', 'substituters '];

/** JSON of an expression; undefined where it does not evaluate. */
function nix(command, ...argv) {
  const options = SETTINGS.flatMap((one) => ['--option', ...one.split(' ', 2)]);
  const store = ['--store', join(scratch, 'store')];
  const ran = spawnSync('nix', [...command.split(' '), '--json', ...store, ...options, ...argv], {
    ...{ env, encoding: 'utf8', timeout: 200_000, maxBuffer: 1 << 28 },
  });
  if (process.env.VERBOSE && ran.status !== 0) console.error(argv.join(' ').slice(0, 300), ran.stderr?.slice(-600));
  return ran.status === 0 ? JSON.parse(ran.stdout) : undefined;
}

const FACTS = {
  system: 'c.pkgs.stdenv.hostPlatform.system',
  hostName: 'c.config.networking.hostName',
  features: 'let v = c.config.nix.settings.experimental-features or [ ]; in if builtins.isList v then v else [ v ]',
  extraOptions: 'c.config.nix.extraOptions',
  modules: 'map path (c._module.args.modules or c.config._module.args.modules or [ ])',
  files: 'builtins.filter (f: f != null) (walk c.graph)',
};

/** The facts of the first host; those that fail are left out. Undefined: there is none, or the flake does not evaluate. */
function firstHost(tree) {
  const ask = (names) =>
    nix(
      'eval',
      ...['--no-update-lock-file', '--no-write-lock-file', `git+file://${tree}#nixosConfigurations`, '--apply'],
      `cs: let
        name = builtins.head (builtins.attrNames cs);
        c = cs.${'$'}{name};
        path = m: if builtins.isPath m || builtins.isString m then toString m else null;
        walk = g: builtins.concatMap (m: [ (toString m.file) ] ++ walk m.imports) g;
      in { inherit name; ${names.map((one) => `${one} = ${FACTS[one]};`).join(' ')} }`,
    );
  const whole = ask(Object.keys(FACTS));
  if (whole) return whole;
  const name = ask([]);
  const groups = [['system', 'hostName'], ['features', 'extraOptions'], ['modules'], ['files']];
  return name && Object.assign(name, ...groups.map((names) => ask(names) ?? {}));
}

/** Files of this flake among paths in the store. */
const inTree = (tree, paths = []) => [
  ...new Set(
    paths.flatMap((path) => {
      const [, file] = /^\/nix\/store\/[0-9a-z]{32}-source\/(.+)$/.exec(path ?? '') ?? [];
      if (file === undefined || !existsSync(join(tree, file))) return [];
      const isDirectory = statSync(join(tree, file)).isDirectory();
      return isDirectory ? inTree(tree, [`${path}/default.nix`]) : [file];
    }),
  ),
];

/** The inputs of flake.nix with a url, as a spec states them. */
function inputsOf(tree) {
  const declared = nix(
    'eval',
    ...['--impure', '--expr'],
    `builtins.mapAttrs (_: i: { url = i.url or null; flake = i.flake or true; }) ((import ${tree}/flake.nix).inputs or { })`,
  );
  const isStated = ([name, { url }]) => typeof url === 'string' && /^[A-Za-z][\w-]*$/.test(name) && name !== 'self';
  return Object.fromEntries(
    Object.entries(declared ?? {})
      .filter(isStated)
      .map(([name, { url, flake }]) => [name, flake ? url : { url, flake }]),
  );
}

// What check says.

/** The verdicts of a spec by wish, and the reasons of the open ones. */
function check(root, hostname, spec, evaluate) {
  writeFileSync(join(root, 'etc/hostname'), `${hostname}\n`);
  const at = join(scratch, 'spec.json');
  writeFileSync(at, JSON.stringify(spec));
  const where = ['--root', root, '--spec', at, '--state', join(scratch, 'own'), '--format', 'json', '--no-input'];
  const how = ['--evaluate', evaluate, '--allow-rename', '--allow-downgrade', '--skip', 'purity'];
  const ran = spawnSync(process.execPath, [PROGRAM, 'check', ...where, ...how], { env, encoding: 'utf8' });
  const events = ran.stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
  const steps = events.flatMap(({ plan }) => plan?.steps ?? []);
  const verdicts = Object.fromEntries(
    steps.flatMap((step) => step.verdicts).map(({ wish, verdict }) => [wish, verdict]),
  );
  const reasons = steps.flatMap((step) => step.findings).map(({ code, wish, because }) => ({ code, wish, because }));
  return { exit: ran.status, verdicts, reasons };
}

// One flake.

const FEATURES = ['nix-command', 'flakes', 'pipe-operators', 'ca-derivations', 'auto-allocate-uids', 'cgroups'];
const OTHER = 'reflake-other';

/** A machine whose configuration the flake is. */
function machineOf(clone) {
  const root = join(scratch, 'root');
  rmSync(root, { recursive: true, force: true });
  mkdirSync(join(root, 'etc/nix'), { recursive: true });
  mkdirSync(join(root, 'root'));
  const write = (name, text) => writeFileSync(join(root, 'etc', name), text);
  write('passwd', 'root:x:0:0::/root:/bin/sh\n');
  write('group', 'root:x:0:\n');
  // As NixOS has it: what the configuration says decides, at the next switch.
  const conf = '/nix/store/1b9p07z77phvv2hf6gm9f28syp39f1ag-nix.conf';
  mkdirSync(join(root, 'nix/store'), { recursive: true });
  writeFileSync(
    join(root, conf),
    '# WARNING: this file is generated from the nix.* options in\nexperimental-features = nix-command flakes\n',
  );
  symlinkSync(conf, join(root, 'etc/nix/nix.conf'));
  write('os-release', 'ID=nixos\n');
  write('NIXOS', '');
  cpSync(clone, join(root, 'etc/nixos'), { recursive: true, verbatimSymlinks: true });
  execFileSync('chown', ['-R', `${process.getuid()}:${process.getgid()}`, root]);
  return root;
}

function measured(name) {
  const root = machineOf(join(dir, name));
  const tree = join(root, 'etc/nixos');
  const lock = readFileSync(join(tree, 'flake.lock'));
  const fresh = nix('flake metadata', '--no-update-lock-file', `git+file://${tree}`) !== undefined;
  const own = join(dir, `${name}.lock`);
  const useLock = (bytes) => writeFileSync(join(tree, 'flake.lock'), bytes);
  const atHand = existsSync(own) ? readFileSync(own) : lock;
  useLock(atHand);
  const facts = firstHost(tree);
  if (facts === undefined) return { name, evaluates: false };
  const host = facts.name;
  const inputs = inputsOf(tree);
  const { hostName, system = 'x86_64-linux', features = [] } = facts;
  const modules = inTree(tree, facts.modules);
  const files = inTree(tree, facts.files);
  const machine = hostName || host;
  const base = { version: 1, host: { name: machine, attribute: host, system }, config: { path: '/etc/nixos' }, inputs };
  const stated = [...new Set(features.join(' ').split(/\s+/))].filter((one) => FEATURES.includes(one));
  const isTold = facts.features !== undefined && !/experimental-features/.test(facts.extraOptions ?? '');
  const right = {
    ...{ ...base, git: 'track', lock: {} },
    ...(modules.length > 0 && { config: { ...base.config, modules: modules.map((one) => `./${one}`) } }),
    ...(isTold && stated.length > 0 && { features: stated }),
  };
  const other = otherModule(tree, files);
  const wrong = {
    ...{ ...base, host: { ...base.host, system: system === 'x86_64-linux' ? 'aarch64-linux' : 'x86_64-linux' } },
    ...(other && { config: { ...base.config, modules: [`./${other}`] } }),
    ...(isTold && { features: FEATURES.filter((one) => !stated.includes(one)).slice(-2) }),
  };
  const otherName = { ...base, host: { ...base.host, name: OTHER } };
  const otherHost = { ...base, host: { ...base.host, name: OTHER, attribute: OTHER } };
  const none = 'github:reflake-measure/none';
  const elsewhere = (one) => (typeof one === 'string' ? none : { ...one, url: none });
  const otherInputs = {
    ...base,
    inputs: Object.fromEntries(Object.entries(inputs).map(([key, one]) => [key, elsewhere(one)])),
  };
  useLock(lock);
  const runs = {
    right: check(root, machine, right, 'never'),
    wrong: check(root, machine, wrong, 'never'),
    otherName: check(root, OTHER, otherName, 'never'),
    otherHost: check(root, OTHER, otherHost, 'never'),
    otherInputs: check(root, machine, otherInputs, 'never'),
  };
  useLock(atHand);
  // Nix is asked where the text leaves something open, and once where it cannot evaluate the host.
  const asked = {};
  const isOpen = (run) => Object.values(runs[run].verdicts).includes('undecided');
  const ask = (run, named, spec) => {
    if (isOpen(run) && !Object.values(asked).some(isStopped)) asked[run] = check(root, named, spec, 'auto');
  };
  ask('right', machine, right);
  ask('wrong', machine, wrong);
  ask('otherName', OTHER, otherName);
  const hidden = files.find((one) => one !== 'flake.nix' && one !== other);
  if (hidden !== undefined) {
    execFileSync('git', ['-C', tree, 'rm', '-q', '--cached', hidden], { env });
    runs.hidden = check(root, machine, { ...base, git: 'track' }, 'never');
  }
  const judged = {
    ...{ hosts: true, inputs: true, git: files.length > 0, lock: fresh },
    ...{ system: facts.system !== undefined, name: hostName !== undefined },
    ...{ modules: modules.length > 0, otherModule: other !== undefined, features: isTold },
  };
  return { name, evaluates: true, host, machine, judged, hidden, other, runs, asked };
}

/** A Nix file of the flake that is no module of the host. What `import` reads is one, and Nix does not tell its file. */
function otherModule(tree, files) {
  const listed = execFileSync('git', ['-C', tree, 'ls-files', '*.nix'], { env, encoding: 'utf8' }).split('\n');
  const there = listed.filter((file) => file !== '' && existsSync(join(tree, file)));
  const imported = there.flatMap((file) => readFileSync(join(tree, file), 'utf8').match(/\bimport\s+[^\s;)]+/g) ?? []);
  const isImported = (file) => imported.some((one) => one.includes(basename(file)));
  const isNone = (file) =>
    !files.includes(file) && !/(^|\/)(flake|default|shell)\.nix$/.test(file) && !isImported(file);
  return files.length === 0 ? undefined : there.find(isNone);
}

// The table.

/** Each row: its name, its wishes, the member of `judged` for the right and for the wrong statement, and the run of the wrong one. */
const ROWS = [
  ['the host in `nixosConfigurations`', /^\/host\/attribute$/, 'hosts', 'hosts', 'otherHost'],
  ['its system', /^\/host\/system$/, 'system', 'system', 'wrong'],
  ['`networking.hostName`', /^\/host\/name$/, 'name', 'name', 'otherName'],
  ['its modules', /^\/config\/modules$/, 'modules', 'otherModule', 'wrong'],
  ['experimental features', /^\/features$/, 'features', 'features', 'wrong'],
  ['inputs', /^\/inputs\/[^/]+(\/url)?$/, 'inputs', 'inputs', 'otherInputs'],
  ['the lock is fresh', /^\/lock$/, 'lock', undefined, undefined],
  ['git shows every file', /^\/git$/, 'git', 'git', 'hidden'],
];

/** Counts of one statement. `good`: the verdicts that agree with Nix. */
function count(flakes, pattern, member, run, good) {
  const counts = { text: 0, evaluation: 0, undecided: 0, wrong: [] };
  for (const flake of flakes.filter(({ judged }) => member !== undefined && judged[member])) {
    const { verdicts = {} } = flake.runs[run] ?? {};
    for (const [wish, verdict] of Object.entries(verdicts).filter(([wish]) => pattern.test(wish))) {
      const later = flake.asked[run]?.verdicts[wish];
      const put = (by, one) => {
        if (good.includes(one)) counts[by] += 1;
        else counts.wrong.push({ flake: flake.name, host: flake.host, run, wish, verdict: one, by });
      };
      if (verdict !== 'undecided') put('text', verdict);
      else if (later === undefined || later === 'undecided' || isStopped(flake.asked[run])) counts.undecided += 1;
      else put('evaluation', later);
    }
  }
  return counts;
}

/** Nix cannot evaluate the host: with an input that is no longer to be had, or one that this lock replaces. */
const isStopped = ({ reasons }) => reasons.some(({ code }) => code === 'RF2062' || code === 'RF2063');

const DIFFERS = ['differs', 'blocked'];

function tableOf(results) {
  const flakes = results.filter(({ evaluates }) => evaluates);
  const wrong = [];
  const lines = ROWS.map(([what, pattern, member, otherMember, run]) => {
    const right = count(flakes, pattern, member, 'right', ['holds']);
    const other = run ? count(flakes, pattern, otherMember, run, DIFFERS) : undefined;
    wrong.push(...right.wrong, ...(other?.wrong ?? []));
    const cells = (counts) =>
      counts ? ['text', 'evaluation', 'undecided'].map((by) => counts[by] || '–') : ['', '', ''];
    return `| ${[what, ...cells(right), ...cells(other), right.wrong.length + (other?.wrong.length ?? 0)].join(' | ')} |`;
  });
  return { flakes, wrong, lines };
}

const HEAD = [
  '| of the flakes | by text | by evaluation | undecided | another one: by text | by evaluation | undecided | wrong |',
  '|---|---:|---:|---:|---:|---:|---:|---:|',
];

function writeDocs({ flakes, lines }) {
  const text = readFileSync(DOCS, 'utf8');
  const [begin, end] = ['<!-- real-flakes -->', '<!-- /real-flakes -->'];
  const names = flakes.map(({ name }) => name.replace('+', '/')).sort((a, b) => (a < b ? -1 : 1));
  const made = [...HEAD, ...lines, '', `The ${names.length} flakes: ${names.join(', ')}.`].join('\n');
  const [before, rest] = text.split(begin);
  writeFileSync(DOCS, `${before}${begin}\n\n${made}\n\n${end}${rest.split(end)[1]}`);
}

try {
  const into = option('--into');
  const only = option('--only') ?? '';
  const results = into !== undefined && existsSync(into) ? JSON.parse(readFileSync(into, 'utf8')) : [];
  const [part, parts] = (option('--part') ?? '1/1').split('/').map(Number);
  const names = readdirSync(dir)
    .filter((name) => existsSync(join(dir, name, 'flake.lock')) && name.includes(only))
    .filter((_, index) => index % parts === part - 1);
  for (const name of names.filter((one) => !results.some((known) => known.name === one))) {
    const result = measured(name);
    results.push(result);
    console.error(`${results.length}/${names.length} ${name}${result.evaluates ? '' : ': no host that Nix can name'}`);
    if (into !== undefined) writeFileSync(into, JSON.stringify(results));
  }
  const table = tableOf(results);
  console.log([...HEAD, ...table.lines].join('\n'));
  console.log(`${table.flakes.length} flakes, wrong: ${table.wrong.length}`);
  for (const one of table.wrong) console.log(JSON.stringify(one));
  if (args.includes('--write-docs')) writeDocs(table);
  if (table.wrong.length > 0) process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
