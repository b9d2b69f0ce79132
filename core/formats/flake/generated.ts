// Tells from its first comments whether another tool makes a flake.nix.

import type { Span } from '../nix/syntax.ts';
import type { OpenFlake } from './flake.ts';

/** `by`: the tool, and `again`: the command that makes the file anew, as far as the comment names them. */
export interface GeneratedFlake {
  readonly by?: string;
  readonly again?: string;
  readonly at: Span;
}

/** Undefined for a file that people write. A note that a template once generated it does not forbid edits. */
export function generatedFlake({ text, comments, root }: OpenFlake): GeneratedFlake | undefined {
  const start = root.literals[0]?.start ?? 0;
  const first = comments.filter(({ end }) => end <= start);
  const header = first.map(({ start, end }) => text.slice(start, end)).join('\n');
  if (!FORBIDS.test(header)) return undefined;
  const by =
    /generated\s+(?:automatically\s+)?(?:by|using|with|from)\s+(?:the\s+)?[`'"]?([^\s`'",;]*[^\s`'",;.])/i.exec(
      header,
    )?.[1];
  const again =
    /`([^`\n]+)`/.exec(header)?.[1] ?? /\bnix (?:run|develop|build|shell) [^\s`'"]+[^\s`'".,;]/.exec(header)?.[0];
  return {
    ...(by && { by }),
    ...(again && again !== by && { again }),
    at: { start: first[0]!.start, end: first.at(-1)!.end },
  };
}

const FORBIDS =
  /\b(?:do|must|should)(?:[-_ ]?no|n'?)t[-_ ]?(?:be[-_ ])?(?:manually[-_ ])?(?:edit|modif|chang|touch)|\bauto(?:matically)?[-_ ]?generated\b|@generated\b/i;
