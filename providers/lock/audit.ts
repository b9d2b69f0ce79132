// Finds what is wrong with a lock that Nix would leave alone (docs/nix.md, "Reported beyond Nix"); each kind has its own code.

import type { Code } from '../../core/codes.ts';
import { rangeOf, type SourceRange } from '../../core/diagnostic.ts';
import { type Flake, type InputDecl, readFlake } from '../../core/formats/flake/flake.ts';
import { isRelativePath } from '../../core/formats/flake-ref/model.ts';
import { type LockInput, lockInputsOf } from '../../core/formats/lock/inputs.ts';
import { type InputPath, type Lock, type LockNode, rootNode, showPath } from '../../core/formats/lock/model.ts';
import { auditLock, danglingOverrides, type LockOddity, urlsWithFollows } from '../../core/formats/lock/oddities.ts';
import type { LockVerdict, VerdictOptions } from '../../core/formats/lock/verdict.ts';
import type { NixVersion } from '../../core/formats/nix-version.ts';
import type { LocalTree, LocalTrees } from '../../core/machine/local-trees.ts';
import type { Reader } from '../../core/machine/reader.ts';
import { readText } from '../../core/machine/texts.ts';
import type { Finding } from '../../core/model.ts';
import { type AbsPath, join } from '../../core/path.ts';

/** A flake with its text, for positions. */
export interface FlakeText {
  readonly path: AbsPath;
  readonly text: string;
  readonly flake: Flake;
}

/** `relock`: root inputs that locking again puts right, and why. */
export interface LockAudit {
  readonly relock: readonly { readonly input: string; readonly text: string; readonly code: Code }[];
  readonly findings: readonly Finding[];
}

interface Audited {
  readonly source: FlakeText;
  readonly inputs: readonly LockInput[];
  readonly lock: Lock;
  readonly verdict: LockVerdict;
  readonly trees: LocalTrees;
  readonly reader: Reader;
  /** True if Nix, run here, sees the same absolute paths as the machine: not under --root. */
  readonly isRunning: boolean;
}

/** Finds what locking again mends, what only people can mend, and advice. Throws `unreadable`. */
export function auditOf(audited: Audited): LockAudit {
  const { inputs, lock } = audited;
  // No set of paths: hashing the path of every node of a deep lock takes quadratic time.
  const kept = inputs.filter(({ name }) => audited.verdict.kept.includes(name));
  const oddities = auditLock(inputs, lock);
  const parts = [
    ...oddities.flatMap((oddity) => (oddity.kind === 'flake-flag-mismatch' ? [flagMismatch(oddity)] : [])),
    ...kept.map((input) => treeDrift(input, audited)),
  ];
  return {
    relock: parts.flatMap(({ relock }) => relock),
    findings: [
      ...parts.flatMap(({ findings }) => findings),
      ...nestedTrees(audited),
      ...danglers(audited),
      ...unreferred(
        oddities.filter((oddity) => oddity.kind === 'orphan-node'),
        audited,
      ),
      ...duplicates(
        oddities.filter((oddity) => oddity.kind === 'duplicate'),
        audited,
      ),
    ],
  };
}

/** Inputs that newer Nix refuses, with their places. */
export function doubleInputs({ path, text, flake }: FlakeText): readonly Finding[] {
  return urlsWithFollows(flake.inputs).map((double) => ({
    code: 'RF2026',
    wish: '/lock',
    subject: `inputs.${double.path.join('.inputs.')}`,
    because: double.text,
    remedy: { by: 'you', hint: double.hint },
    at: rangeOf(path, text, double.span),
    path,
  }));
}

/** The inputs that a local dependency declares to this Nix, if its tree is the locked one. */
export const dependencyIn =
  (trees: LocalTrees, reader: Reader, nix: NixVersion): NonNullable<VerdictOptions['dependency']> =>
  (path, locked) => {
    // A relative path further down starts from its parent's tree, not from this flake.
    if (isRelativePath(locked) && path.length > 1) return undefined;
    const tree = trees(locked);
    return tree?.kind === 'same' ? inputsAt(tree.path, String(locked.dir ?? ''), reader, nix) : undefined;
  };

function inputsAt(tree: AbsPath, dir: string, reader: Reader, nix?: NixVersion): readonly LockInput[] | undefined {
  const file = readText(reader, join(tree, `./${dir}/flake.nix`));
  const flake = file.kind === 'text' ? readFlake(file.text) : undefined;
  const inputs = flake?.ok ? lockInputsOf(flake, nix) : undefined;
  return inputs?.ok ? inputs.inputs : undefined;
}

/** A flake flag that differs from the lock; locking again mends it. */
const flagMismatch = ({ input, text }: LockOddity & { kind: 'flake-flag-mismatch' }): LockAudit => ({
  relock: [{ input, text, code: 'RF2022' }],
  findings: [],
});

/** A path input whose tree is no longer the locked one; Nix goes on with its copy in the store. */
function treeDrift({ name }: LockInput, audited: Audited): LockAudit {
  const { lock, trees, source, isRunning } = audited;
  const node = nodeAt(lock, name);
  const tree = node?.locked && trees(node.locked);
  if (node?.locked === undefined || tree === undefined) return NOTHING;
  const say = (code: Code, because: string, hint: string): LockAudit => ({
    relock: [],
    findings: [
      {
        code,
        wish: '/lock',
        subject: `inputs.${name}`,
        because,
        remedy: { by: 'you', hint },
        ...placed(source, [name]),
      },
    ],
  });
  // Nix, run here, would read the path of that name on this machine.
  const foreign = !isRunning && !isRelativePath(node.locked);
  if (tree.kind === 'changed' || otherInputs(node, tree, audited)) {
    const what = tree.kind === 'changed' ? 'is not what was locked' : 'declares other inputs than the lock has';
    const text = `input "${name}": the tree at "${tree.path}" ${what}`;
    if (foreign) return say('RF2023', text, 'lock it again on the machine itself');
    return { relock: [{ input: name, text, code: 'RF2023' }], findings: [] };
  }
  if (tree.kind === 'absent') {
    const text = `input "${name}": there is nothing at "${tree.path}"`;
    // An image may hold less than the machine that will run it.
    return say(foreign ? 'RF2034' : 'RF2023', text, 'put it back, or change the url');
  }
  if (tree.kind !== 'unhashable') return NOTHING;
  const text = `input "${name}" cannot be compared with the lock: in "${tree.path}", ${tree.problem}`;
  return say('RF2034', text, 'move it out of the tree: Nix cannot copy it either');
}

const NOTHING: LockAudit = { relock: [], findings: [] };

/** True if a relative flake, locked without a hash, gained or lost inputs, which Nix never notices. */
function otherInputs(node: LockNode, tree: LocalTree, { reader }: Audited): boolean {
  if (tree.kind !== 'same' || !node.flake || node.locked?.narHash !== undefined) return false;
  const declared = inputsAt(tree.path, String(node.locked?.dir ?? ''), reader);
  if (declared === undefined) return false;
  const names = declared.map(({ name }) => name);
  return names.length !== node.inputs.size || names.some((name) => !node.inputs.has(name));
}

/** Changed trees of inputs of inputs: the dependency's own lock names them, so they must be locked again there. */
function nestedTrees({ lock, trees }: Audited): readonly Finding[] {
  const direct = new Set([...rootNode(lock).inputs.values()].map((edge) => (edge.kind === 'node' ? edge.key : '')));
  return [...lock.nodes].flatMap(([key, { locked }]): Finding[] => {
    if (locked === undefined || direct.has(key) || isRelativePath(locked)) return [];
    const tree = trees(locked);
    if (tree?.kind !== 'changed') return [];
    return [
      {
        code: 'RF2035',
        subject: `inputs.${key}`,
        because: `input "${key}" of an input: the tree at "${tree.path}" is not what was locked`,
        path: tree.path,
        remedy: {
          by: 'you',
          hint: 'lock it again in the flake that declares it, or let it follow an input of yours',
        },
      },
    ];
  });
}

function danglers({ inputs, verdict, source }: Audited): readonly Finding[] {
  const failing = new Set(verdict.reasons.map(({ path }) => showPath(path)));
  const dangling = danglingOverrides(inputs).filter(({ path }) => !failing.has(showPath(path)));
  const named = new Set(dangling.map(({ path }) => showPath(path)));
  const unused = verdict.unusedOverrides
    .filter((text) => !named.has(text))
    .map((text) => {
      const path = text.split('/');
      const above = showPath(path.slice(0, -1));
      return { path, text: `input "${above}" has no input "${path.at(-1)}" to override`, hint: 'remove the override' };
    });
  return [...dangling, ...unused].map(({ path, text, hint }) => ({
    code: 'RF2030',
    subject: `inputs.${path.join('.inputs.')}`,
    because: text,
    remedy: { by: 'you', hint },
    ...placed(source, path),
  }));
}

/** Nodes that nothing refers to; Nix leaves them out when it next writes the lock. */
function unreferred(orphans: readonly LockOddity[], { source }: Audited): readonly Finding[] {
  const [first] = orphans;
  if (first === undefined) return [];
  const more = orphans.length === 1 ? '' : `, and ${orphans.length - 1} more`;
  return [
    {
      code: 'RF2036',
      subject: 'flake.lock',
      because: `${first.text}${more}`,
      path: join(source.path, '../flake.lock'),
      remedy: { by: 'you', hint: first.hint },
    },
  ];
}

/** One finding for all of them; each is a line of the evidence. */
function duplicates(
  found: readonly (LockOddity & { readonly kind: 'duplicate' })[],
  { source }: Audited,
): readonly Finding[] {
  const [first] = found;
  if (first === undefined) return [];
  const total = found.reduce((sum, { count }) => sum + count, 0);
  const names = found.slice(0, 3).map(({ keep, count }) => `"${keep}" ${count === 1 ? 'once' : `${count} times`}`);
  const more = found.length > names.length ? ` and ${found.length - names.length} others` : '';
  const lines = found.flatMap(({ keep, others }) =>
    others.map((path) => `inputs.${path.join('.inputs.')}.follows = "${keep}";`),
  );
  const rest = lines.length - SHOWN_LINES;
  return [
    {
      code: 'RF2025',
      subject: 'flake.lock',
      because: `${total} ${total === 1 ? 'input of an input is' : 'inputs of inputs are'} the same as an input of the flake: ${names.join(', ')}${more}`,
      path: source.path,
      evidence: lines.slice(0, MOST_LINES).map((saw) => ({ path: source.path, saw })),
      remedy: {
        by: 'paste',
        snippet: [
          ...lines.slice(0, SHOWN_LINES),
          ...(rest > 0 ? [`# and ${rest} more lines: --format json`] : []),
        ].join('\n'),
        hint: 'paste the lines into flake.nix to have one of each, or write follows in the spec',
      },
    },
  ];
}

/** Lines shown in a note; the evidence has all. */
const SHOWN_LINES = 3;

const MOST_LINES = 500;

/** The place in flake.nix that speaks of an input, or of the nearest input above it. */
export function placed(
  { path, text, flake }: FlakeText,
  input: InputPath,
): { readonly path: AbsPath; readonly at?: SourceRange } {
  let decls: readonly InputDecl[] = flake.inputs;
  let found: InputDecl | undefined;
  for (const name of input) {
    const next = decls.find((decl) => decl.name === name);
    if (next === undefined) break;
    found = next;
    decls = next.overrides;
  }
  return { path, ...(found && { at: rangeOf(path, text, found.span) }) };
}

function nodeAt(lock: Lock, input: string): LockNode | undefined {
  const edge = rootNode(lock).inputs.get(input);
  return edge?.kind === 'node' ? lock.nodes.get(edge.key) : undefined;
}
