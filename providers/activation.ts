// Compares the running system with the one that the flake builds, and plans the activation that makes them equal.
// The only provider that needs Nix each time, to evaluate; all others decide from files.

import { failureIn } from '../core/formats/tool-hints.ts';
import type { JobResult } from '../core/machine/job.ts';
import { activeSystem, bootDefaultOf } from '../core/machine/reader.ts';
import type { ActivationMode, ActiveSystem, Finding, Person } from '../core/model.ts';
import type { AbsPath } from '../core/path.ts';
import { installableOf, type MayWrite } from '../core/plan/places.ts';
import { barred, IN_SYNC, provider } from '../core/plan/provider.ts';
import { type BuiltSystem, systemIn, systemJob } from '../core/plan/system.ts';

interface Desired {
  readonly mode: ActivationMode;
  readonly dir: AbsPath;
  /** The machine's own name. */
  readonly name: string;
  /** The attribute of its configuration in flake.nix. */
  readonly host: string;
  readonly person: Person;
  readonly isRunning: boolean;
  readonly offline: boolean;
}

interface Observed {
  readonly active: ActiveSystem;
  /** Store path of the system that is the boot default. */
  readonly bootDefault: string | undefined;
  /** The system that the flake builds; `pending` if the flake is about to change, so that only a build will tell. */
  readonly wanted: /** The machine gets another name, and its configuration is edited as well. */
  { readonly kind: 'renamed' } | { readonly kind: 'settled' } | { readonly kind: 'pending' } | BuiltSystem;
}

export const activation = provider<Desired, Observed>({
  name: 'activation',
  answers: ['/activate'],
  ofMachine: true,
  codes: ['RF2020', 'RF2033', 'RF2045', 'RF2110', 'RF4001', 'RF4006'],
  mayWrite: (edit, ground) => isActivation(edit, ground),
  desire: ({ activate, dir, host, person, isRunning, offline }) =>
    activate && { mode: activate, dir, name: host.name, host: host.attribute, person, isRunning, offline },
  async observe(desired, reader, documents) {
    const active = activeSystem(reader);
    const isRename = reader.facts.name !== '' && shortName(reader.facts.name) !== shortName(desired.name);
    if (desired.isRunning && isRename && reader.planned(desired.dir))
      return { active, bootDefault: undefined, wanted: { kind: 'renamed' } };
    const bootDefault = bootDefaultOf(active, reader);
    if (!desired.isRunning || reader.planned(desired.dir)) return { active, bootDefault, wanted: { kind: 'pending' } };
    // Nothing is to be activated, and a build only to compare would take long.
    if (desired.mode === 'build') return { active, bootDefault, wanted: { kind: 'settled' } };
    // What may not be read, no program is to read either: this throws.
    documents.flake();
    documents.lock();
    const { dir, host, person, offline } = desired;
    const wanted = systemIn(await reader.compute(systemJob(dir, host, person, offline)));
    return { active, bootDefault, wanted };
  },
  reconcile(desired, { active, bootDefault, wanted }) {
    if (!desired.isRunning) return barred(underRoot);
    if (wanted.kind === 'renamed') return barred(renamedBeside);
    if (wanted.kind === 'failed') return barred(notEvaluated(wanted.result));
    if (wanted.kind === 'evaluated' && isActive(desired.mode, wanted.system, active, bootDefault)) return IN_SYNC;
    if (wanted.kind === 'settled') return { findings: [unbuilt], edits: [] };
    const installable = installableOf(desired.dir, desired.host);
    const finding: Finding = {
      code: 'RF2110',
      wish: '/activate',
      subject: 'activate',
      path: desired.dir,
      to: `${desired.mode} to ${desired.dir}#${desired.host}`,
      because:
        wanted.kind === 'evaluated'
          ? `the machine ${desired.mode === 'boot' ? 'boots' : 'runs'} "${bootOrRun(desired.mode, active, bootDefault)}", and its flake builds "${wanted.system}"`
          : 'the flake changes, and with it the system that it builds',
      remedy: { by: 'plan', action: 'activate' },
    };
    return {
      findings: [finding],
      edits: [
        {
          op: 'activate',
          mode: desired.mode,
          target: { kind: 'flake', installable },
          as: desired.person,
          before: active,
        },
      ],
    };
  },
});

/** True if the activation, which runs as root, is of this spec's flake, built as this spec's person. */
const isActivation: MayWrite = (edit, { wishes: { activate, dir, host, person } }) =>
  edit.op === 'activate' &&
  edit.mode === activate &&
  edit.target.kind === 'flake' &&
  edit.target.installable === installableOf(dir, host.attribute) &&
  (['uid', 'gid', 'name', 'home'] as const).every((key) => edit.as[key] === person[key]);

/** The running system for test and switch, the boot default for boot and switch. */
function isActive(
  mode: ActivationMode,
  wanted: string,
  { running }: ActiveSystem,
  bootDefault: string | undefined,
): boolean {
  const runs = running === wanted;
  const boots = bootDefault === wanted;
  return mode === 'test' ? runs : mode === 'boot' ? boots : runs && boots;
}

const bootOrRun = (mode: ActivationMode, { running }: ActiveSystem, bootDefault: string | undefined): string =>
  (mode === 'boot' ? bootDefault : running) ?? 'nothing';

const about = (code: Finding['code'], because: string, hint: string): Finding => ({
  code,
  wish: '/activate',
  subject: 'activate',
  because,
  remedy: { by: 'you', hint },
});

const underRoot = about(
  'RF2020',
  'a system can be activated only on the machine itself, not under --root',
  'write activate: none, or run reflake on the machine',
);

const shortName = (name: string): string => name.split('.')[0]!.toLowerCase();

const renamedBeside = about(
  'RF2045',
  'the machine is to be renamed, and its configuration would be edited as well',
  'apply the edits first, with the old name in spec and configuration',
);

const unbuilt = about(
  'RF2033',
  'whether the system builds is not known: nothing has changed, so it is not built again',
  'build it: nix build',
);

function notEvaluated(result: JobResult): Finding {
  if (result.status === 'missing')
    return about(
      'RF4001',
      'nix is not installed, and the system has to be evaluated',
      'install Nix, or write activate: none',
    );
  const log = result.status === 'failed' ? result.stderr.trim().split('\n').slice(-12).join('\n') : '';
  return {
    ...about(
      'RF4006',
      'the configuration does not evaluate',
      failureIn(log)?.hint ?? 'mend the configuration; the last lines of Nix say why',
    ),
    evidence: [{ saw: log }],
  };
}
