// init --add: adds this machine to the hosts of a spec that is there. One line of the spec is new; nothing else is written.

import { resolve } from 'node:path';
import type { Diagnostic } from '../../core/diagnostic.ts';
import { isError } from '../../core/diagnostic.ts';
import { isBlocked, isEmpty, problemsOf } from '../../core/finding.ts';
import { callerOf } from '../../core/host/process/caller.ts';
import type { Spec } from '../../core/spec/hosts-over-defaults.ts';
import { loadSpec } from '../../core/spec/load.ts';
import { type HostEntry, hostLine, withHost } from '../../core/spec/with-host.ts';
import { modulesLikeSiblings } from '../../core/survey/sibling-modules.ts';
import type { Survey } from '../../core/survey/survey.ts';
import { type End, EXIT } from '../session/exit.ts';
import { filesFor } from '../session/files.ts';
import type { Io } from '../session/io.ts';
import { askYes, DECLINED, LEFT } from '../session/question.ts';
import type { Reporting } from '../session/run.ts';
import { aboutSpec, type FoundAndLoaded, findAndLoad, type Place, sessionOf } from '../session/session.ts';
import { silently } from '../session/silently.ts';
import type { InitOptions } from './proposal.ts';

/** `found`: what the machine says of itself; flags go before it. */
export async function addHost(
  found: Survey,
  place: Place,
  options: InitOptions,
  io: Io,
  { report, learn }: Reporting,
): Promise<End> {
  const refuse = (...problems: readonly Diagnostic[]): End => {
    report({ type: 'diagnostics', diagnostics: problems });
    return { exit: EXIT.error };
  };
  const there = await findAndLoad(options, io);
  if (!there.ok) {
    if (there.sources) learn(aboutSpec(there.sources));
    return refuse(...there.diagnostics);
  }
  learn(aboutSpec({ ...there, locate: there.spec.locate }));
  const name = options.name ?? found.running?.value ?? found.configured?.value;
  if (name === undefined) return refuse(unknown('the name of the machine cannot be found out', 'say it: --name NAME'));
  const system = options.system ?? found.system.value;
  const taken = inTheWay(name, there);
  if (taken) return refuse(taken);
  const modules = modulesFor(name, there);
  const entry: HostEntry = { host: { system }, ...(modules && modules.length > 0 && { config: { modules } }) };
  const { file, text } = there;
  const line = hostLine(name, entry);
  const made = await withHost(file, text, name, entry);
  if (made === undefined)
    return refuse({
      ...cannot(`"${file}" has a form in which a host cannot be added safely`),
      hint: 'add this line to hosts by hand',
      snippet: line,
    });
  const spec = await loadSpec(file, made);
  if (!spec.ok) return refuse(...spec.diagnostics);
  if (!options.yes) {
    if (!options.input || !io.tty.in || !io.tty.err)
      return refuse({ severity: 'error', code: 'RF3008', summary: 'nobody can be asked here', hint: 'add --yes' });
    io.err(`\n  ${line}\n\n`);
    const isWanted = await askYes(io, `Add this to the hosts in ${file}?`);
    if (isWanted === undefined) return LEFT;
    if (!isWanted) return DECLINED;
  }
  const why = await write(there, made, io);
  if (why !== undefined) return refuse({ ...cannot(why), snippet: line });
  learn(aboutSpec({ file, text: made, locate: spec.locate }));
  if (modules === undefined)
    report({
      type: 'diagnostic',
      diagnostic: {
        ...unknown(
          `the modules of ${name} are not said, since the other hosts do not agree on theirs`,
          'write config.modules',
        ),
        severity: 'warning',
      },
    });
  return await told({ ...there, spec, text: made }, name, place, options, io, { report, learn });
}

/** Writes the new text in the place of the one that was read, with its owner and mode. Else the reason in words. */
async function write({ file, text }: FoundAndLoaded, made: string, io: Io): Promise<string | undefined> {
  const files = await filesFor(callerOf(io.env));
  const target = resolve(io.cwd, file);
  const { type, mode, uid, gid } = files.waypoint(target);
  // rename(2) would put a file in the place of the link.
  if (type === 'link') return `"${file}" is a link; name the file itself with --spec`;
  const now = files.read(target);
  if (!now.ok || now.text !== text) return `"${file}" was changed meanwhile; run the command again`;
  const written = files.write(target, made, { mode, fresh: false, owner: { uid, gid } });
  return written.ok ? undefined : `"${file}" cannot be written: ${written.why}`;
}

/** What the next plan will be, with the new host. */
async function told(
  added: FoundAndLoaded,
  name: string,
  place: Place,
  options: InitOptions,
  io: Io,
  { report }: Reporting,
): Promise<End> {
  const view = added.spec.hosts.views.find(({ key }) => key === name);
  const { reporting, told: said } = silently();
  const opened = await sessionOf(added, place, { ...options, host: name }, io, reporting);
  const spec: Spec = view!.spec;
  if (!opened.ok) {
    report({ type: 'diagnostics', diagnostics: said() });
    report({ type: 'initialised', file: added.file, spec, firstPlan: 'blocked' });
    return { exit: EXIT.ok };
  }
  const { plan } = await opened.session.plan(() => {}, { bytes: false });
  report({
    type: 'diagnostics',
    diagnostics: problemsOf(plan).map((one) => (isError(one) ? { ...one, severity: 'warning' } : one)),
  });
  const firstPlan = isBlocked(plan) ? 'blocked' : isEmpty(plan) ? 'empty' : 'changes';
  report({ type: 'initialised', file: added.file, spec, firstPlan });
  return { exit: EXIT.ok };
}

/** The reason why the spec gets no host of this name. */
function inTheWay(name: string, { file, spec: { hosts, locate } }: FoundAndLoaded): Diagnostic | undefined {
  const known = hosts.views.find(({ key, spec }) => key === name || (key !== undefined && spec.host.name === name));
  const at = locate(known?.key === undefined ? '/host' : `/hosts/${known.key}`, 'key');
  const place = at && { at };
  if (known !== undefined)
    return {
      ...cannot(`"${name}" is one of its hosts already`),
      hint: 'look at what it would do: reflake plan',
      ...place,
    };
  if (hosts.gone.includes(name))
    return { ...cannot(`hosts says that "${name}" is gone`), hint: `remove the line "${name}: null" first`, ...place };
  if (hosts.views.every(({ key }) => key === undefined))
    return {
      ...cannot(`"${file}" is about one machine: it says host, and not hosts`),
      hint: 'move what is that machine\u2019s below its name, and run the command again',
      snippet: 'hosts:\n  NAME: { host: { system: … }, config: { modules: [ … ] } }',
      ...place,
    };
  return undefined;
}

/** Undefined: nobody can know. Of defaults that all share, nothing has to be said. */
function modulesFor(name: string, { spec: { hosts, locate } }: FoundAndLoaded): readonly string[] | undefined {
  const all = hosts.views.map(({ key = '', spec }) => ({ key, modules: spec.config?.modules ?? [] }));
  const found = modulesLikeSiblings(name, all);
  const isDefault = locate('/config/modules') !== undefined && all.some(({ modules }) => `${modules}` === `${found}`);
  return isDefault ? [] : found;
}

const cannot = (summary: string): Diagnostic => ({ severity: 'error', code: 'RF3025', summary });

const unknown = (summary: string, hint: string): Diagnostic => ({ severity: 'error', code: 'RF3024', summary, hint });
