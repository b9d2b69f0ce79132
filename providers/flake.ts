// What flake.nix declares: the inputs, and the machine in nixosConfigurations. Writes one where there is none,
// edits the tokens concerned where there is one, and leaves a layout that it can't edit safely to its author.

import { type Diagnostic, rangeOf } from '../core/diagnostic.ts';
import type { Attrs } from '../core/formats/flake-ref/model.ts';
import { parseFlakeRef } from '../core/formats/flake-ref/parse-ref.ts';
import { sameRef } from '../core/formats/flake-ref/same-ref.ts';
import type { Problem } from '../core/formats/nix/flake-difference.ts';
import { editFlake } from '../core/formats/nix/flake-edit.ts';
import { newFlake } from '../core/formats/nix/flake-new.ts';
import type { FlakeWish } from '../core/formats/nix/flake-wish.ts';
import type { Change, Owner } from '../core/model.ts';
import { type AbsPath, join } from '../core/path.ts';
import { type Difference, NO_DIFFERENCE, provider } from '../core/provider.ts';
import { oddFile, ownerIn, putText, readText, type TextFile } from '../core/texts.ts';

interface Desired {
  readonly path: AbsPath;
  readonly dir: AbsPath;
  readonly wish: Required<FlakeWish>;
  readonly owner?: Owner;
}

interface Observed {
  readonly file: TextFile;
  readonly born: Owner;
  /** There is a directory to write to. */
  readonly housed: boolean;
}

export const flake = provider<Desired, Observed>({
  name: 'flake',
  desire: ({ dir, inputs, host, modules, owner, spec }) => ({
    path: join(dir, 'flake.nix'),
    dir,
    wish: {
      inputs: inputs.map(({ name, url, follows }) => {
        const written = spec.inputs[name];
        // A wish that is not written is not reconciled: `flake` only where the spec says it.
        const said = typeof written === 'object' ? written.flake : undefined;
        return { name, url, follows, ...(said !== undefined && { flake: said }) };
      }),
      host: { name: host.name, system: host.system, modules },
    },
    ...(owner && { owner }),
  }),
  observe: async ({ path, dir, owner }, reader) => ({
    file: readText(reader, path),
    born: owner ?? ownerIn(reader, dir),
    housed: reader.stat(dir).type === 'dir',
  }),
  reconcile(desired, { file, born, housed }) {
    const { path, wish } = desired;
    if (!housed) return NO_DIFFERENCE;
    if (file.kind === 'odd') return { changes: [], edits: [], diagnostics: [oddFile(path, file, '/inputs')] };
    if (file.kind === 'absent') return create(desired, born);
    const whole = editFlake(file.text, wish, RULES);
    // Hosts that helpers make can't be read or edited; the inputs beside them can.
    const edited = whole.ok ? whole : editFlake(file.text, { inputs: wish.inputs }, RULES);
    const refused = whole.ok ? undefined : refuse(path, file.text, whole.problems);
    if (!edited.ok) return refuse(path, file.text, edited.problems);
    if (refused !== undefined && edited.changes.length === 0) return refused;
    if (edited.changes.length === 0) return NO_DIFFERENCE;
    const { edit, blobs } = putText(path, file, edited.text, born);
    const changes = edited.changes.map(
      ({ subject, pointer, from, to, line }): Change => ({
        subject,
        path,
        action: from === undefined ? 'add' : 'change',
        ...(from !== undefined && { from }),
        to,
        reason: from === undefined ? 'missing' : 'differs',
        because: from === undefined ? `flake.nix does not declare ${subject}` : `flake.nix says ${subject} is ${from}`,
        pointer,
        line,
      }),
    );
    return { changes, edits: [edit], diagnostics: refused?.diagnostics ?? [], blobs };
  },
});

/** Two spellings of one reference are in sync; Nix would not lock again for them either. */
const RULES = {
  sameRef: (declared: string, wished: string): boolean => {
    const [a, b] = [attrsOf(declared), attrsOf(wished)];
    return declared === wished || (a !== undefined && b !== undefined && sameRef(a, b));
  },
  attrsOf,
};

function attrsOf(url: string): Attrs | undefined {
  const parsed = parseFlakeRef(url, { context: 'input' });
  return parsed.ok ? parsed.ref.attrs : undefined;
}

function create({ path, wish }: Desired, born: Owner): Difference {
  const text = newFlake(wish, { description: `NixOS configuration of ${wish.host.name}` });
  const { edit, blobs } = putText(path, { kind: 'absent' }, text, born);
  const added = (subject: string, to: string, pointer: string): Change => ({
    subject,
    path,
    action: 'add',
    to,
    reason: 'missing',
    because: 'there is no flake.nix',
    pointer,
  });
  const inputs = wish.inputs.flatMap(({ name, url, follows = {}, flake: isFlake }) => [
    added(`inputs.${name}`, isFlake === false ? `${url} (no flake)` : url, `/inputs/${name}`),
    ...Object.entries(follows).map(([input, target]) =>
      added(`inputs.${name}.inputs.${input}.follows`, target, `/inputs/${name}/follows/${input}`),
    ),
  ]);
  const host = added(`nixosConfigurations.${wish.host.name}`, `${wish.host.system}`, '/host');
  return { changes: [...inputs, host], edits: [edit], diagnostics: [], blobs };
}

function refuse(path: AbsPath, text: string, problems: readonly Problem[]): Difference {
  const diagnostics = problems.map(({ kind, message, at, snippet, pointer }): Diagnostic => {
    const broken = kind === 'unreadable' && snippet === '';
    // Whether the wish holds can't be told: said, and left to --strict; not an error that would bar all other wishes.
    const unknown = kind === 'unreadable' && !broken;
    return {
      severity: unknown ? 'warning' : 'error',
      code: broken ? 'RF2006' : 'RF2007',
      summary: broken ? `flake.nix cannot be read: ${message}` : unknown ? `could not be checked: ${message}` : message,
      hint: snippet === '' ? 'mend the file at the place shown' : 'if it is not there yet, paste the snippet',
      at: rangeOf(path, text, at),
      path,
      ...(pointer && { pointer }),
      ...(snippet && { snippet }),
    };
  });
  return { changes: [], edits: [], diagnostics };
}
