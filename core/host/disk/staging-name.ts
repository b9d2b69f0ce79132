// The names of staging directories, in which a transaction keeps what must not be seen yet. No look at the machine
// lists them.

export const stagingName = (tx: string): string => `.reflake-${tx}`;

/** True of the staging directory of any transaction. It is not part of the machine as people know it. */
export const isStagingName = (name: string): boolean =>
  name.startsWith('.reflake-') && /^\.reflake-[0-9a-f]+$/.test(name);
