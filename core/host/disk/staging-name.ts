// The names of staging directories: what a transaction makes out of sight is in them, and no look shows them.

/** The name of a transaction's staging directories. */
export const stagingName = (tx: string): string => `.reflake-${tx}`;

/** A staging directory of some transaction: no part of the machine as people know it. */
export const isStagingName = (name: string): boolean =>
  name.startsWith('.reflake-') && /^\.reflake-[0-9a-f]+$/.test(name);
