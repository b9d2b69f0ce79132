// The names of work directories: what a transaction makes out of sight is in them, and no look shows them.

/** The name of a transaction's work directories. */
export const workName = (tx: string): string => `.reflake-${tx}`;

/** A work directory of some transaction: no part of the machine as people know it. */
export const isWorkName = (name: string): boolean => name.startsWith('.reflake-') && /^\.reflake-[0-9a-f]+$/.test(name);
