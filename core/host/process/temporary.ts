// Directories for the time of one step: each tells by its name which process made it, so that what a killed one left is removed
// by the next, and what a living one uses is not.

import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';

/**
 * Makes a directory of our own (0700) in `place`, and removes what dead processes of ours left there. Throws what the file
 * system says.
 */
export function temporaryIn(place: string): string {
  sweep(place);
  return mkdtempSync(`${place}/${PREFIX}${namespace()}-${process.pid}-${startOf('self')}-`);
}

const PREFIX = 'reflake-';

/** `reflake-NAMESPACE-PID-START-XXXXXX` */
const NAME = /^reflake-(\d+)-(\d+)-(\d+)-[A-Za-z0-9]{6}$/;

/** What is in the way of a look or a removal may stay: it does no harm, and is tried again by the next. */
function sweep(place: string): void {
  for (const name of quietly(() => readdirSync(place)) ?? []) {
    const [, where, pid, start] = NAME.exec(name) ?? [];
    if (where === undefined || pid === undefined || start === undefined) continue;
    const path = `${place}/${name}`;
    const stat = quietly(() => lstatSync(path));
    if (stat === undefined || !stat.isDirectory() || stat.uid !== process.geteuid?.()) continue;
    // Of another container's processes nothing is known here but that theirs do not run for days.
    const isDead = where === namespace() ? startOf(pid) !== start : Date.now() - stat.mtimeMs > DAY;
    if (isDead) quietly(() => rmSync(path, { recursive: true, force: true }));
  }
}

const DAY = 86_400_000;

/** The number of the namespace that our process ids are counted in. */
const namespace = (): string => quietly(() => /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0]) ?? '0';

/** When a process began, in ticks since the machine did: with its number, which is used again, it names just one. */
function startOf(pid: string): string {
  // The 22nd field, counted from behind the name, which may hold anything.
  const found = quietly(() => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19]);
  return found ?? '0';
}

function quietly<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    // Gone meanwhile, or not ours.
    return undefined;
  }
}
