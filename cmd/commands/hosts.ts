// reflake hosts: lists the hosts of the spec, and how many of its wishes the repository grants to each. Looks at no machine's own
// state, so it lists on every machine.

import { problemsOf } from '../../core/finding.ts';
import { isOfHost } from '../../core/leaf.ts';
import { attributeOf } from '../../core/spec/resolve.ts';
import { countsOf } from '../../core/verdict.ts';
import { type End, EXIT } from '../session/exit.ts';
import type { GlobalOptions, Io } from '../session/io.ts';
import type { Reporting } from '../session/run.ts';
import { openSession } from '../session/session.ts';

/** Exit 0 once it has looked, whatever the verdicts are: a matrix is made of the list. */
export async function hostsCommand(options: GlobalOptions, io: Io, reporting: Reporting): Promise<End> {
  const opened = await openSession({ ...options, host: 'all' }, io, reporting);
  if (!opened.ok) return opened.end;
  const { wishes, report, plan: look } = opened.session;
  io.loaded?.();
  const { plan } = await look(() => {}, { bytes: false });
  // What is not mended by a plan of a host is told besides the list.
  report({ type: 'diagnostics', diagnostics: problemsOf(plan).filter(({ severity }) => severity !== 'note') });
  const answers = plan.steps.flatMap(({ verdicts }) => verdicts);
  const isOnly = wishes.hosts.every(({ key }) => key === undefined);
  for (const { key, spec } of wishes.hosts) {
    const own = answers.filter(({ wish, host }) => (isOnly ? isOfHost(wish) : host === key));
    report({
      type: 'host',
      name: key ?? spec.host.name,
      hostName: spec.host.name,
      system: spec.host.system,
      attribute: attributeOf(spec),
      ...(spec.config?.modules && { modules: spec.config.modules }),
      verdicts: countsOf(
        own.map(({ verdict }) => verdict),
        0,
      ),
    });
  }
  return { exit: EXIT.ok };
}
