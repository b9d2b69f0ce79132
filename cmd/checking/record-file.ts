// The file of a record of checks: read and written as who called, whole or not at all. One that can't be used is left as it is.

import { resolve } from 'node:path';
import type { Diagnostic } from '../../core/diagnostic.ts';
import { callerOf } from '../../core/host/process/caller.ts';
import { recordIn, recordText, type SeenRecord } from '../../core/seen/record.ts';
import { filesFor } from '../session/files.ts';
import type { Io } from '../session/io.ts';

export interface RecordFile {
  /** As it was typed. */
  readonly file: string;
  /** Of the last check; left out: this is the first. */
  readonly before?: SeenRecord;
  /** It can't be used: nothing of it is known, and it is not written. */
  readonly problem?: Diagnostic;
  /** Undefined on success. */
  readonly write: (record: SeenRecord) => Diagnostic | undefined;
}

export async function recordAt(file: string, io: Pick<Io, 'cwd' | 'env' | 'umask'>): Promise<RecordFile> {
  const path = resolve(io.cwd, file);
  const caller = callerOf(io.env);
  const files = await filesFor(caller);
  const write = (record: SeenRecord): Diagnostic | undefined => {
    const how = { mode: 0o666 & ~io.umask, fresh: false, owner: caller };
    const written = files.write(path, recordText(record), how);
    return written.ok ? undefined : unusable(file, `it cannot be written: ${written.why}`);
  };
  if (files.waypoint(path).type === 'absent') return { file, write };
  const read = files.read(path);
  if (!read.ok) return { file, problem: unusable(file, `it cannot be read: ${read.why}`), write };
  const found = recordIn(read.text);
  return found.ok ? { file, before: found.record, write } : { file, problem: unusable(file, found.why), write };
}

export const unusable = (file: string, why: string): Diagnostic => ({
  severity: 'error',
  code: 'RF3035',
  summary: `the record "${file}" cannot be used: ${why}`,
  hint: 'name another file, or remove this one: then all that is found is new',
});
