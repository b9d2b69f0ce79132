// Edits flake.nix part by part: an input or a host that can't be edited stays as it is, and the others are edited all the same.

import type { Change, Problem } from '../../core/formats/flake/difference.ts';
import { editFlake } from '../../core/formats/flake/edit.ts';
import type { OpenedFlake } from '../../core/formats/flake/flake.ts';
import type { RefRules } from '../../core/formats/flake/reference.ts';
import type { FlakeWish } from '../../core/formats/flake/wish.ts';
import { fromPointer, toPointer } from '../../core/formats/json-pointer.ts';

/** A difference that has an edit, and is not edited: other parts of the same input or host can't be. */
export type Waiting = Omit<Change, 'line'>;

/** `text` is the text given where nothing is edited. `problems`: wishes that the text does not decide, too. */
export interface PartialEdit {
  readonly text: string;
  readonly changes: readonly Change[];
  readonly problems: readonly Problem[];
  readonly waiting: readonly Waiting[];
}

interface Asked {
  readonly text: string;
  readonly opened: OpenedFlake;
  readonly rules: RefRules;
  /** Problems of a text that an edit would give. */
  readonly after: (text: string, changes: readonly Change[]) => readonly Problem[];
}

/** Grants as much of `wish` as can be granted in whole inputs and whole hosts. */
export function editParts({ text, opened, rules, after }: Asked, wish: FlakeWish): PartialEdit {
  const stuck = new Set<string>();
  const problems: Problem[] = [];
  const waiting: Waiting[] = [];
  const tell = (all: readonly Problem[]): void => {
    for (const one of all) if (!problems.some((known) => isSame(known, one))) problems.push(one);
  };
  for (;;) {
    const edit = editFlake(text, without(wish, stuck), rules, opened);
    const found = edit.ok ? after(edit.text, edit.changes) : edit.problems;
    tell(found);
    if (edit.ok) tell(edit.open);
    const added = new Set(found.filter(({ kind }) => kind !== 'unreadable').map(partOf));
    if (edit.ok && added.size === 0) return { text: edit.text, changes: edit.changes, problems, waiting };
    const granted: readonly Waiting[] = edit.ok ? edit.changes : edit.besides;
    const isWhole = [...added].every((part) => part === undefined || stuck.has(part));
    // No part is to blame: the text as a whole can't be edited so.
    if (isWhole) return { text, changes: [], problems, waiting: [...waiting, ...granted.map(waits)] };
    for (const part of added) if (part !== undefined) stuck.add(part);
    waiting.push(...granted.filter((one) => added.has(partOf(one))).map(waits));
  }
}

const waits = ({ subject, pointer, host, from, to }: Waiting): Waiting => ({
  subject,
  pointer,
  ...(host !== undefined && { host }),
  ...(from !== undefined && { from }),
  ...(to !== undefined && { to }),
});

const isSame = (a: Problem, b: Problem): boolean =>
  a.pointer === b.pointer && a.host === b.host && a.message === b.message && a.at.start === b.at.start;

/** The input or the host that a problem or a change is about. Undefined: neither, as where the text can't be read. */
function partOf({ pointer, host }: Pick<Problem, 'pointer' | 'host'>): string | undefined {
  if (host !== undefined) return toPointer(['hosts', host]);
  const [of, name] = fromPointer(pointer);
  return (of === 'inputs' || of === 'hosts') && name !== undefined ? toPointer([of, name]) : undefined;
}

function without({ inputs, hosts = [], gone = [] }: FlakeWish, stuck: ReadonlySet<string>): FlakeWish {
  const isFree = (of: 'inputs' | 'hosts', name: string): boolean => !stuck.has(toPointer([of, name]));
  return {
    inputs: inputs.filter(({ name }) => isFree('inputs', name)),
    hosts: hosts.filter(({ name }) => isFree('hosts', name)),
    gone: gone.filter((name) => isFree('hosts', name)),
  };
}
