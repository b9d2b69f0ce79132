// A state store in a Map, for the laws: nothing in it survives, and no other process sees it.

import type { StateStore } from '../../core/machine/state-store.ts';

export function memoryStateStore(files: Map<string, Uint8Array> = new Map()): StateStore {
  const below = (name: string): string[] =>
    [...files.keys()].filter((file) => file === name || file.startsWith(`${name}/`));
  return {
    where: 'memory',
    read: (name) => files.get(name),
    list: (name) => [...new Set(below(name).map((file) => file.slice(name.length + 1).split('/')[0]!))].sort(),
    write: (name, bytes) => void files.set(name, bytes),
    publish: (name, bytes) => void files.set(name, bytes),
    rename(from, to) {
      for (const file of below(from)) {
        files.set(to + file.slice(from.length), files.get(file)!);
        files.delete(file);
      }
    },
    remove: (name) => {
      for (const file of below(name)) files.delete(file);
    },
    tidy: () => {},
    takeMutex: () => ({ lend: () => [], release: () => {} }),
    size: (name) => below(name).reduce((sum, file) => sum + files.get(file)!.length, 0),
  };
}
