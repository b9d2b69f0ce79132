// reflake same A B: are two configurations, or systems, the same? For one host, or for all that the flakes have.

import { telling } from '../../core/plan/telling.ts';
import { comparedIn } from '../../core/proof/fleet.ts';
import { prove } from '../../core/proof/prove.ts';
import { hostsIn, type World } from '../../core/proof/world.ts';
import type { Proof } from '../../core/proven.ts';
import { CHANNEL, worldNamed } from '../proving/named.ts';
import { configuredIn, evaluationsAtOnce, provingOf } from '../proving/planned.ts';
import { type End, EXIT, exitOfProof } from '../session/exit.ts';
import type { GlobalOptions, Io, Usage } from '../session/io.ts';
import type { Reporting } from '../session/run.ts';
import { openSession } from '../session/session.ts';

export interface SameOptions extends GlobalOptions {
  readonly systems?: readonly string[] | undefined;
  /** The channel is one of the two. */
  readonly channel: boolean;
}

export async function sameCommand(options: SameOptions, io: Io, reporting: Reporting): Promise<End> {
  const words = [...(options.channel ? [CHANNEL] : []), ...(options.systems ?? []).map(String)];
  const [a, b] = words;
  if (a === undefined || b === undefined || words.length > 2)
    throw {
      usage: `same compares two: a git revision, ., --channel, a flake reference, a generation, a store path, running or booted; not ${words.length}`,
    } satisfies Usage;
  const opened = await openSession(options, io, reporting);
  if (!opened.ok) return opened.end;
  const { session } = opened;
  const { host, wishes, report } = session;
  for (const diagnostic of session.warnings) report({ type: 'diagnostic', diagnostic });
  const how = provingOf(session, io);
  const machine = telling(host, report);
  const configured = configuredIn(session, io);
  const named = async (word: string, attribute: string): Promise<World> =>
    await worldNamed(word, { ...configured, attribute }, host, wishes.isRunning);
  if (wishes.isMachine) {
    const { attribute } = wishes.host;
    const { proof, seconds } = await prove(await named(a, attribute), await named(b, attribute), how, machine);
    report({ type: 'proved', proof, seconds });
    return { exit: exitOfProof(proof) };
  }
  const names = new Set<string>();
  for (const word of [a, b]) {
    const found = await hostsIn(await named(word, ''), how, machine);
    if (found.kind === 'failed') {
      const diagnostic = {
        severity: 'error',
        code: 'RF2063',
        summary: `${word}: ${found.why}`,
        hint: found.hint,
      } as const;
      report({ type: 'diagnostic', diagnostic });
      return { exit: EXIT.error };
    }
    for (const name of found.names) names.add(name);
  }
  const open = [...names];
  const proofs: Proof[] = [];
  const work = async (): Promise<void> => {
    for (let attribute = open.shift(); attribute !== undefined; attribute = open.shift()) {
      report({ type: 'progress', text: `comparing ${attribute}` });
      const worlds = [await named(a, attribute), await named(b, attribute)] as const;
      proofs.push((await prove(...worlds, { ...how, host: attribute }, machine)).proof);
    }
  };
  // Each comparison has two evaluations.
  await Promise.all(Array.from({ length: Math.max(1, Math.floor(evaluationsAtOnce() / 2)) }, work));
  const order = [...names];
  const compared = comparedIn(proofs.sort((one, other) => order.indexOf(one.host) - order.indexOf(other.host)));
  report({ type: 'compared', ...compared });
  return { exit: compared.differ.length > 0 ? EXIT.drift : compared.notProven.length > 0 ? EXIT.error : EXIT.ok };
}
