// --eol: reads the file that says when releases of NixOS end, with the rights of who called.

import { resolve } from 'node:path';
import { type Diagnostic, rangeOf } from '../../core/diagnostic.ts';
import { readSupportTable, type SupportTable } from '../../core/formats/end-of-support.ts';
import type { UserFiles } from '../../core/host/surroundings.ts';

export type Ends =
  | { readonly ok: true; readonly table: SupportTable }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[]; readonly text: string };

/** `file` as it was typed. Each mistake has its place. */
export async function endsIn(file: string, cwd: string, files: Pick<UserFiles, 'read'>): Promise<Ends> {
  const read = files.read(resolve(cwd, file));
  const error = { severity: 'error', code: 'RF1018' } as const;
  if (!read.ok) {
    const summary = `"${file}" cannot be read: ${read.why}`;
    return { ok: false, diagnostics: [{ ...error, summary, hint: 'name a file that is there: --eol FILE' }], text: '' };
  }
  const { text } = read;
  const made = await readSupportTable(file, text);
  if (made.ok) return made;
  const diagnostics = made.problems.map(({ message, hint, span }) => ({
    ...error,
    summary: message,
    hint,
    at: rangeOf(file, text, span),
  }));
  return { ok: false, diagnostics, text };
}
