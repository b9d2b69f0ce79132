// Cases as data: a machine, a spec, and the plan that must come out. Reads tests/cases/providers/<provider>/*.json,
// makes plans of them without a disk, and describes a plan in short lines.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Diagnostic } from '../../core/diagnostic.ts';
import { changesOf, problemsOf } from '../../core/finding.ts';
import { compute } from '../../core/host/process/scratch.ts';
import { keyOf } from '../../core/leaf.ts';
import type { Blobs, Host } from '../../core/machine/host.ts';
import type { Job, JobResult } from '../../core/machine/job.ts';
import type { Edit, Entry, Plan } from '../../core/model.ts';
import { editsOf, inBatches } from '../../core/plan/edits.ts';
import { plan } from '../../core/plan/planner.ts';
import type { Hosts, Spec } from '../../core/spec/hosts-over-defaults.ts';
import { loadSpec } from '../../core/spec/load.ts';
import { type Run, resolve } from '../../core/spec/resolve.ts';
import { chooseHost } from '../../core/spec/which-host.ts';
import type { Transaction } from '../../core/transaction/model.ts';
import { PROVIDERS } from '../../providers/index.ts';
import { canonicalJson } from './canonical-json.ts';
import type { Leaf, Literal } from './trees.ts';

/** `null` removes a path of the base. `spec` is a merge patch (RFC 7396) of the base's spec. */
export interface PlanCase {
  readonly about: string;
  readonly base: 'fresh' | 'settled' | 'empty';
  readonly machine?: Readonly<Record<string, Leaf | null>>;
  readonly spec?: unknown;
  readonly run?: Partial<Run>;
  /** `nix`: the real Nix, in a scratch directory. Default: no program but a git that can `init`. */
  readonly tools?: 'nix' | 'none';
  /** The version that the machine's Nix reports: `2.8.0`. `tools` answers everything else. */
  readonly release?: string;
  /** `provider CODE action subject path` */
  readonly changes: readonly string[];
  readonly edits: readonly string[];
  /** `severity CODE` of each problem that the plan does not mend. */
  readonly diagnostics: readonly string[];
  /** `/wish verdict CODE` of each wish that does not hold. */
  readonly verdicts: readonly string[];
}

export interface NamedCase extends PlanCase {
  readonly name: string;
  readonly file: string;
}

const CASES = fileURLToPath(new URL('../cases/providers/', import.meta.url));
const FIXTURES = fileURLToPath(new URL('../fixtures', import.meta.url));

export const providersWithCases = (): readonly string[] =>
  readdirSync(CASES, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

export const planCases = (): readonly NamedCase[] =>
  providersWithCases().flatMap((provider) =>
    readdirSync(`${CASES}${provider}`)
      .sort()
      .map((name) => {
        const file = `${CASES}${provider}/${name}`;
        return {
          ...(JSON.parse(readFileSync(file, 'utf8')) as PlanCase),
          name: `${provider}/${name.slice(0, -5)}`,
          file,
        };
      }),
  );

interface Bases {
  readonly spec: unknown;
  readonly machines: Readonly<Record<PlanCase['base'], Literal>>;
}
export const BASES = JSON.parse(readFileSync(`${CASES}bases.json`, 'utf8')) as Bases;

export function machineOf({ base, machine = {} }: Pick<PlanCase, 'base' | 'machine'>): Literal {
  const all = { ...BASES.machines[base], ...machine };
  return Object.fromEntries(Object.entries(all).filter((one): one is [string, Leaf] => one[1] !== null));
}

/** `{fixtures}` in the spec stands for the directory of that name. */
export const specOf = ({ spec }: Pick<PlanCase, 'spec'>): string =>
  JSON.stringify(patched(BASES.spec, spec ?? {})).replaceAll('{fixtures}', FIXTURES);

function patched(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(typeof target === 'object' ? target : {}) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    // Of a host that is gone `null` is the value.
    else if (key === 'hosts') result[key] = value;
    else result[key] = patched(result[key], value);
  }
  return result;
}

/** Answers what `git init` makes, and for no other program. Nix is the real one or missing, never a stand-in. */
export const toolsOf = ({
  tools,
  release,
}: Pick<PlanCase, 'tools' | 'release'>): ((job: Job) => Promise<JobResult>) => {
  const done = new Map<string, Promise<JobResult>>();
  return (job) => {
    if (job.argv[0] === 'git' && tools !== 'none') return Promise.resolve(GIT_INIT);
    if (release !== undefined && job.argv[1] === '--version')
      return Promise.resolve({ status: 'done', files: [], stdout: `nix (Nix) ${release}\n`, stderr: '' });
    if (job.argv[0] !== 'nix' || tools !== 'nix') return Promise.resolve({ status: 'missing', tool: job.argv[0] });
    // Equal jobs have equal answers, so Nix is asked once for each.
    const key = canonicalJson(job);
    const result = done.get(key) ?? compute(job);
    done.set(key, result);
    return result;
  };
};

const GIT_INIT: JobResult = {
  status: 'done',
  stdout: '',
  stderr: '',
  files: [
    { path: '.git', type: 'dir', mode: 0o755 },
    { path: '.git/HEAD', type: 'file', content: Buffer.from('ref: refs/heads/main\n'), mode: 0o644 },
    {
      path: '.git/config',
      type: 'file',
      content: Buffer.from('[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = false\n'),
      mode: 0o644,
    },
    ...['objects', 'objects/info', 'objects/pack', 'refs', 'refs/heads', 'refs/tags'].map((name) => ({
      path: `.git/${name}`,
      type: 'dir' as const,
      mode: 0o755,
    })),
  ],
};

export const RUN: Run = {
  caller: { name: 'root', uid: 0, gid: 0, home: '/root' },
  person: { name: 'root', uid: 0, gid: 0, home: '/root' },
  offline: true,
  now: 1_750_000_000,
  isRunning: false,
  allow: { downgrade: false, rename: false },
};

export interface Planned {
  readonly plan: Plan | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

/** What a run on this machine is about; undefined: it is none of the hosts. */
export function aboutOf(
  hosts: Hosts,
  { facts }: Pick<Host, 'facts'>,
  run: Partial<Run> = {},
): { readonly spec: Spec; readonly run: Partial<Run> } | undefined {
  const choice = chooseHost(hosts, facts, run.isRunning ?? RUN.isRunning, run.isMachine === false ? 'all' : undefined);
  if (choice.kind === 'open') return undefined;
  const { view, isMachine } = choice;
  return { spec: view.spec, run: { hosts, key: view.key, isMachine } };
}

/** The plan, or the diagnostics that bar it. */
export async function planFor(one: Pick<PlanCase, 'spec' | 'run'>, host: Host): Promise<Planned> {
  const loaded = await loadSpec('spec.json', specOf(one));
  if (!loaded.ok) return { plan: undefined, diagnostics: loaded.diagnostics };
  const about = aboutOf(loaded.hosts, host, one.run);
  if (about === undefined) return { plan: undefined, diagnostics: [] };
  const resolved = resolve(about.spec, host, { ...RUN, ...one.run, ...about.run });
  if (!resolved.ok) return { plan: undefined, diagnostics: resolved.diagnostics };
  const { plan: made } = await plan(resolved.wishes, loaded.digest, host, PROVIDERS, () => {});
  return { plan: made, diagnostics: problemsOf(made) };
}

export const transactionOf = (made: Plan): { readonly transaction: Transaction; readonly blobs: Blobs } => ({
  transaction: {
    tx: 'cafe',
    kind: 'apply',
    plan: made.id,
    host: made.host,
    undoes: [],
    startedAt: '2026-01-01T00:00:00Z',
    by: 'srid',
    batches: inBatches(editsOf(made.steps)),
  },
  blobs: made.blobs,
});

/** The summary that a case expects, of a plan that was made. */
export const summaryOf = ({
  plan: made,
  diagnostics,
}: Planned): Pick<PlanCase, 'changes' | 'edits' | 'diagnostics' | 'verdicts'> => ({
  changes: (made?.steps ?? []).flatMap((step) =>
    changesOf({ steps: [step] }).map(
      ({ code, remedy, subject, path }) => `${step.provider} ${code} ${remedy.action} ${subject} ${path}`,
    ),
  ),
  edits: editsOf(made?.steps ?? []).map(lineOf),
  diagnostics: diagnostics.map(({ severity, code }) => `${severity} ${code}`),
  verdicts: (made?.steps ?? [])
    .flatMap(({ verdicts }) => verdicts)
    .filter(({ verdict }) => verdict !== 'holds')
    .map(({ verdict, by, ...leaf }) => `${keyOf(leaf)} ${verdict} ${by}`),
});

function lineOf(edit: Edit): string {
  if (edit.op === 'move') return `move ${edit.from} -> ${edit.to}`;
  if (edit.op === 'activate') return `activate ${edit.mode}`;
  const bytes = (entry: Entry): string => (entry.type === 'file' && entry.content ? ' with bytes' : '');
  return `${edit.path}: ${shape(edit.before)}${bytes(edit.before)} -> ${shape(edit.after)}${bytes(edit.after)}`;
}

function shape(entry: Entry): string {
  if (entry.type === 'absent') return 'absent';
  const owner = `${entry.owner.uid}:${entry.owner.gid}`;
  return entry.type === 'link' ? `link ${owner}` : `${entry.type} ${entry.mode.toString(8).padStart(4, '0')} ${owner}`;
}
