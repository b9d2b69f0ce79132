// What the programs of a reader's jobs are doing, as events.

import type { Reporter } from '../event.ts';
import type { Reader } from '../machine/reader.ts';

/** A reader that reports its jobs while they go on. */
export const telling = (reader: Reader, report: Reporter): Reader => ({
  ...reader,
  async compute(job) {
    const text = job.label;
    report({ type: 'progress', text });
    return await reader.compute(job, (doing) => report({ type: 'progress', text, ...(doing && { doing }) }));
  },
});
