// Why an evaluation came to nothing, told from Nix's words: the configuration, or only what it was evaluated with.

/**
 * `configuration`: it does not evaluate, wherever it is tried. `surroundings`: here and now it could not be evaluated, which says
 * nothing of it.
 */
export interface Failure {
  readonly of: 'configuration' | 'surroundings';
  /** The first error, in one line. */
  readonly summary: string;
  /** The last lines that Nix said. */
  readonly log: string;
}

export function failureIn(stderr: string): Failure {
  const lines = stderr.trimEnd().split('\n');
  const log = lines.slice(-12).join('\n');
  const errors = [...stderr.matchAll(/error: ?(.*(?:\n(?!\s*(?:at |\u2026|error:)|\s*\n).*)*)/g)].map(([, text = '']) =>
    text.replace(/\s+/g, ' ').trim(),
  );
  // The first is the outermost context; what went wrong stands last.
  const summary = errors.findLast((text) => text !== '' && !/^in: |^while /.test(text)) ?? lines.at(-1) ?? '';
  return { of: SURROUNDINGS.test(stderr) ? 'surroundings' : 'configuration', summary, log };
}

/**
 * Nothing of the configuration: the network, the store, the daemon, a lock that has to be made first, a build that evaluation
 * would need, and what only a repository of git tells of itself.
 */
const SURROUNDINGS = new RegExp(
  [
    'unable to download|resolve host|could not connect|failed to connect|network is unreachable|connection (refused|reset|timed out)',
    'cannot fetch|failed to fetch|unable to fetch|has no (known )?substituter|is not valid and .*substitut',
    'cannot connect to (socket|daemon)|opening lock file|No space left|disk quota|creating directory|permission denied|Permission denied',
    'requires lock file changes|cannot (update|write) (un)?locked? ?(lock file|flake)|lock file .*(changes|modified)|--no-update-lock-file',
    'allow-import-from-derivation|import-from-derivation',
    "attribute '(rev|shortRev|dirtyRev|dirtyShortRev|revCount|lastModified|lastModifiedDate|submodules)' missing",
    "experimental (Nix )?feature '",
    'it was stopped|stopped by SIG|out of memory|cannot allocate',
  ].join('|'),
);
