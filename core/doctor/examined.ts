// What an examination of doctor returns, and how one that could not look is told. Every other file here examines one subject or
// several that belong together: a function of a Reader, or of facts that cmd found out.

import type { Examined } from '../event.ts';
import { isSaidBySystem, wordsOf } from '../machine/failure.ts';
import { isUnreadable } from '../machine/reader.ts';

/** What was seen of one subject. */
export type Observation = Omit<Examined, 'subject'>;

/** The result of one examination. A machine that does not let itself be looked at is a finding; a bug is thrown. */
export async function examine(subject: string, look: () => Observation | Promise<Observation>): Promise<Examined> {
  try {
    return { subject, ...(await look()) };
  } catch (thrown) {
    if (isUnreadable(thrown))
      return {
        subject,
        state: 'unknown',
        saw: `${thrown.path} cannot be read: ${thrown.why}`,
        ...(thrown.hint !== undefined && { advice: thrown.hint }),
      };
    if (!isSaidBySystem(thrown)) throw thrown;
    return { subject, state: 'unknown', saw: `it cannot be looked at: ${wordsOf(thrown)}` };
  }
}
