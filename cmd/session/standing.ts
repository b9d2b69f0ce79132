// What is true of a machine after an apply, for whoever reads its last words: where the flake is, whether it runs, the way back.

import { nixConfOf } from '../../core/documents/nix-conf-files.ts';
import { isRoot } from '../../core/host/process/trusted.ts';
import { isUnreadable } from '../../core/machine/reader.ts';
import { type Edit, keepsContent } from '../../core/model.ts';
import { type AbsPath, absolute, isWithin } from '../../core/path.ts';
import type { Standing } from '../report/standing.ts';
import type { GlobalOptions } from './io.ts';
import type { Session } from './session.ts';

/** `edits`: what was applied. `home`: of who called. Looks at nix.conf as it is now; never throws for what it finds there. */
export function standingAfter(
  edits: readonly Edit[],
  { wishes, host }: Pick<Session, 'wishes' | 'host'>,
  home: string,
  { root, state }: Pick<GlobalOptions, 'root' | 'state'>,
): Standing {
  const { dir, isRunning } = wishes;
  const place = isRunning ? shortPlace(dir, home) : quoted(dir);
  const options = [
    ...(root === '/' ? [] : ['--root', quoted(root)]),
    ...(state === undefined ? [] : ['--state', quoted(state)]),
  ];
  return {
    place,
    installable: `${place}#${quoted(wishes.host.attribute)}`,
    isNew: edits.some(
      (edit) =>
        (edit.op === 'move' && edit.to === dir) ||
        (edit.op === 'put' && edit.path === `${dir}/flake.nix` && edit.before.type === 'absent'),
    ),
    system: isRunning ? systemAfter(edits, dir) : 'elsewhere',
    hasFlakes: flakesIn(host, wishes.person.home),
    back: [...(isRoot() ? ['sudo'] : []), 'reflake rollback', ...options].join(' '),
  };
}

function systemAfter(edits: readonly Edit[], dir: AbsPath): Standing['system'] {
  const activated = edits.findLast((edit) => edit.op === 'activate');
  if (activated !== undefined) return ACTIVATED[activated.mode];
  const concerns = (edit: Edit): boolean =>
    edit.op === 'move'
      ? edit.to === dir
      : edit.op === 'put' &&
        isWithin(edit.path, dir) &&
        !edit.path.startsWith(`${dir}/.git/`) &&
        !keepsContent(edit.before, edit.after);
  return edits.some(concerns) ? 'waits' : 'same';
}

const ACTIVATED = { switch: 'runs', test: 'tried', boot: 'boots', build: 'built' } as const;

function flakesIn(host: Session['host'], home: string): boolean | undefined {
  try {
    const { error, requestedFeatures } = nixConfOf(host, home).effective;
    return error === undefined
      ? ['nix-command', 'flakes'].every((name) => requestedFeatures.includes(name))
      : undefined;
  } catch (thrown) {
    if (isUnreadable(thrown)) return undefined;
    throw thrown;
  }
}

/** `~` stands for the home of who types it, before sudo sees it. */
export function shortPlace(dir: AbsPath, home: string): string {
  const isBelow = home.startsWith('/') && home !== '/' && dir !== home && isWithin(dir, absolute(home));
  return isBelow ? `~/${quoted(dir.slice(absolute(home).length + 1))}` : quoted(dir);
}

/** As a shell takes it for one word. */
const quoted = (text: string): string => (/^[\w./@:+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
