// Temporary directories whose names tell which process made them: so the next run removes those of a process that was
// killed, and leaves those of a process that still runs.

import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { quietly } from './trusted.ts';

/**
 * Makes a private directory (0700) in `place`, and first removes those that dead processes of this user left there.
 * Throws the error of the file system.
 */
export function temporaryIn(place: string): string {
  sweep(place);
  return mkdtempSync(`${place}/${PREFIX}${namespace()}-${process.pid}-${startOf('self')}-`);
}

const PREFIX = 'reflake-';

/** `reflake-NAMESPACE-PID-START-XXXXXX` */
const NAME = /^reflake-(\d+)-(\d+)-(\d+)-[A-Za-z0-9]{6}$/;

/** Errors are ignored: what can't be looked at or removed does no harm, and the next run tries again. */
function sweep(place: string): void {
  for (const path of leftOver(place)) quietly(() => rmSync(path, { recursive: true, force: true }));
}

/** Those of this user whose process is dead. */
export function leftOver(place: string): readonly string[] {
  return (quietly(() => readdirSync(place)) ?? []).flatMap((name) => {
    const [, where, pid, start] = NAME.exec(name) ?? [];
    if (where === undefined || pid === undefined || start === undefined) return [];
    const path = `${place}/${name}`;
    const stat = quietly(() => lstatSync(path));
    if (stat === undefined || !stat.isDirectory() || stat.uid !== process.geteuid?.()) return [];
    // The process is in another pid namespace, so we cannot ask whether it lives; no run takes a day.
    const isDead = where === namespace() ? startOf(pid) !== start : Date.now() - stat.mtimeMs > DAY;
    return isDead ? [path] : [];
  });
}

const DAY = 86_400_000;

/** The pid namespace that our process numbers belong to. */
const namespace = (): string => quietly(() => /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0]) ?? '0';

/** The start of a process, in clock ticks since boot. Numbers are used again; number and start together name one process. */
function startOf(pid: string): string {
  // Field 22 of proc_pid_stat(5). We count from behind the process name, which may hold any character.
  const found = quietly(() => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19]);
  return found ?? '0';
}
