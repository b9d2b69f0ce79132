// Keeps inputs and host in flake.nix as wished. Writes a new file if there is none, else edits the tokens concerned, and leaves
// a layout that it can't edit safely to its author.

import { rangeOf } from '../../core/diagnostic.ts';
import type { NixFile } from '../../core/documents/nix-text.ts';
import type { Evaluated } from '../../core/evaluation/question.ts';
import { noConfiguration } from '../../core/finding.ts';
import type { Change } from '../../core/formats/flake/difference.ts';
import { editFlake } from '../../core/formats/flake/edit.ts';
import type { OpenedFlake } from '../../core/formats/flake/flake.ts';
import { type GeneratedFlake, generatedFlake } from '../../core/formats/flake/generated.ts';
import { newFlake } from '../../core/formats/flake/new.ts';
import { type FlakeWish, followsPath, overridePath } from '../../core/formats/flake/wish.ts';
import type { Attrs } from '../../core/formats/flake-ref/model.ts';
import { parseFlakeRef } from '../../core/formats/flake-ref/parse-ref.ts';
import { showFlakeRef } from '../../core/formats/flake-ref/print-ref.ts';
import { asForgeKnows, sameRef } from '../../core/formats/flake-ref/same-ref.ts';
import { toPointer } from '../../core/formats/json-pointer.ts';
import { nixAttrPath } from '../../core/formats/nix/print.ts';
import { oddFile, ownerIn, putText } from '../../core/machine/texts.ts';
import type { Finding, Owner } from '../../core/model.ts';
import { type AbsPath, join, ROOT, relativeTo } from '../../core/path.ts';
import { isTextOf, puts } from '../../core/plan/places.ts';
import { type Asks, barred, type Difference, IN_SYNC, provider, type Rest } from '../../core/plan/provider.ts';
import type { Wishes } from '../../core/spec/wishes.ts';
import { leavesOf, wishFor, withoutLeft } from './wish.ts';

interface Desired {
  /** Parts of the wish that are to stay as flake.nix has them. */
  readonly leftAlone: Wishes['leftAlone'];
  readonly path: AbsPath;
  readonly dir: AbsPath;
  readonly wish: Required<FlakeWish>;
  readonly owner?: Owner;
  readonly from?: AbsPath;
  /** The leaf of the spec that a pointer of the editor means: an input that is a word has its url there itself. */
  readonly leafOf: (pointer: string) => string;
}

interface Observed {
  readonly file: NixFile;
  /** With the files that it imports. */
  readonly read: OpenedFlake | undefined;
  readonly born: Owner;
  /** True if there is a directory to write to. */
  readonly housed: boolean;
}

/** The host's wishes for a spec that names no modules: those in flake.nix stay. */
const NAMED = ['/host/name', '/host/attribute', '/host/system'] as const;
const HOST = [...NAMED, '/config/modules'] as const;

export const flake = provider<Desired, Observed>({
  name: 'flake',
  answers: [
    '/host/attribute',
    '/inputs/*',
    '/inputs/*/url',
    '/inputs/*/flake',
    '/inputs/*/follows/*',
    '/inputs/*/inputs/**',
    '/follows/*',
  ],
  concerns: ['/host/name', '/host/system', '/config/modules'],
  codes: ['RF2004', 'RF2006', 'RF2007', 'RF2008', 'RF2029', 'RF2058', 'RF2061', 'RF2063', 'RF2103'],
  mayWrite: puts((put, ground) => put.path === join(ground.wishes.dir, 'flake.nix') && isTextOf(put, ground)),
  desire: ({ dir, from, inputs, follows, host, modules, owner, spec, leftAlone }) => ({
    leftAlone,
    path: join(dir, 'flake.nix'),
    dir,
    wish: {
      inputs: [
        ...inputs.map((input) => wishFor(input, spec)),
        ...follows.map(({ name, target }) => ({ name, target })),
      ],
      host: { name: host.attribute, system: host.system, ...(modules && { modules }) },
    },
    leafOf: leavesOf(inputs, follows, spec),
    ...(owner && { owner }),
    ...(from && { from }),
  }),
  observe: async ({ dir, owner }, reader, documents) => ({
    file: documents.flake(),
    read: documents.wholeFlake(),
    born: owner ?? ownerIn(reader, dir),
    housed: reader.stat(dir).type === 'dir',
  }),
  reconcile(desired, { file, read, born, housed }) {
    const { path, dir, from } = desired;
    if (!housed) return barred(noConfiguration(dir, from));
    if (file.kind === 'odd') {
      const finding = oddFile(path, file, desired.leafOf(toPointer(['inputs', desired.wish.inputs[0]?.name ?? ''])));
      return { findings: [finding], edits: [], rest: { verdict: 'differs', by: finding.code } };
    }
    if (file.kind === 'absent') return create(desired, born);
    const opened = read ?? file.nix.flake();
    const wish = withoutLeft(desired.wish, desired.leftAlone, desired.leafOf, opened);
    const whole = editFlake(file.text, wish, RULES, opened);
    // Hosts that helpers make can't be read or edited; the inputs beside them can.
    const edited = whole.ok ? whole : editFlake(file.text, { inputs: wish.inputs }, RULES, opened);
    const told = whole.ok ? { problems: whole.open, besides: [] } : whole;
    const refused = told.problems.length > 0 ? refuse(desired, file.text, told) : undefined;
    if (!edited.ok) return refused ?? refuse(desired, file.text, edited);
    const asks: Asks = { toplevel: false, decide: (said) => evaluatedOf(desired, said) };
    if (edited.changes.length === 0) return { ...(refused ?? IN_SYNC), asks };
    const tool = opened.ok ? generatedFlake(opened) : undefined;
    if (tool !== undefined) {
      const left = edited.changes.map((change) => madeElsewhere(change, tool, desired, file.text));
      return {
        ...refused,
        findings: [...left, ...(refused?.findings ?? []).filter(({ code }) => code === 'RF2029')],
        edits: [],
        asks,
      };
    }
    const { edit, blobs } = putText(path, file, edited.text, born);
    const changes = edited.changes.map(
      ({ subject, pointer, from: declared, to, line }): Finding => ({
        code: 'RF2103',
        wish: desired.leafOf(pointer),
        subject,
        path,
        at: { file: path, line, column: 1, endLine: line, endColumn: 1 },
        ...(declared !== undefined && { from: declared }),
        to,
        because:
          declared === undefined ? `flake.nix does not declare ${subject}` : `flake.nix says ${subject} is ${declared}`,
        remedy: { by: 'plan', action: declared === undefined ? 'add' : 'change' },
      }),
    );
    // Differences in inputs are edited all the same.
    const left = (refused?.findings ?? []).filter((one) => !changes.some(({ subject }) => subject === one.subject));
    // A missing host has no system and no modules either.
    const isNewHost = changes.some(({ wish: leaf }) => leaf === desired.leafOf('/host/name'));
    const rest: Rest | undefined = isNewHost ? { verdict: 'differs', by: 'RF2103', of: HOST } : refused?.rest;
    return { findings: [...changes, ...left], edits: [edit], blobs, asks, ...(rest && { rest }) };
  },
});

/** The findings where evaluation gives another host than wished. */
function evaluatedOf({ path, wish: { host } }: Desired, { names, host: said }: Evaluated): ReturnType<Asks['decide']> {
  const at = `nixosConfigurations.${host.name}`;
  const found = (wish: string, subject: string, because: string, ends: Pick<Finding, 'from' | 'to'> = {}): Finding => ({
    code: 'RF2061',
    wish,
    subject,
    path,
    ...ends,
    because,
    remedy: { by: 'you', hint: 'change what the configuration says there, or the spec' },
  });
  if (said === undefined) {
    const listed = names.length === 0 ? 'none' : names.slice(0, 5).join(', ') + (names.length > 5 ? ', …' : '');
    const because = `evaluation finds no ${at}; there ${names.length === 1 ? 'is' : 'are'} ${listed}`;
    return { findings: [found('/host/name', at, because)], rest: { verdict: 'differs', by: 'RF2061', of: HOST } };
  }
  const open = (wish: string, what: string): Finding => ({
    code: 'RF2029',
    wish,
    subject: at,
    path,
    because: `evaluation does not tell ${what} either`,
    remedy: { by: 'you', hint: 'write it out in flake.nix' },
  });
  const system =
    said.system === undefined
      ? [open('/host/system', 'the system')]
      : host.system === undefined || said.system === host.system
        ? []
        : [
            found('/host/system', 'host.system', `evaluation says ${at} is for ${said.system}`, {
              from: said.system,
              to: host.system,
            }),
          ];
  const wished = (host.modules ?? []).map((module) => relativeTo(join(ROOT, module), ROOT));
  const isModule = (module: string): boolean =>
    (said.modules ?? []).some(
      (one) => one === module || one === `${module}/default.nix` || (module === '.' && one === 'default.nix'),
    );
  const missing = wished.filter((module) => !isModule(module));
  const modules =
    missing.length === 0
      ? []
      : [
          open(
            '/config/modules',
            `whether ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} among the modules`,
          ),
        ];
  return { findings: [...system, ...modules] };
}

/** Two spellings of one reference are in sync: Nix would fetch the same for both. */
const sameAttrs = (a: Attrs, b: Attrs): boolean =>
  sameRef(a, b) || asForgeKnows(showFlakeRef(a)) === asForgeKnows(showFlakeRef(b));

const RULES = {
  sameRef: (declared: string, wished: string): boolean => {
    const [a, b] = [attrsOf(declared), attrsOf(wished)];
    return declared === wished || (a !== undefined && b !== undefined && sameAttrs(a, b));
  },
  sameAttrs,
  attrsOf,
};

function attrsOf(url: string): Attrs | undefined {
  const parsed = parseFlakeRef(url, { context: 'input' });
  return parsed.ok ? parsed.ref.attrs : undefined;
}

function create({ path, wish, leafOf }: Desired, born: Owner): Difference {
  const text = newFlake(wish, { description: `NixOS configuration of ${wish.host.name}` });
  const { edit, blobs } = putText(path, { kind: 'absent' }, text, born);
  const added = (subject: string, to: string, leaf: string): Finding => ({
    code: 'RF2103',
    wish: leaf,
    subject,
    path,
    to,
    because: 'there is no flake.nix',
    remedy: { by: 'plan', action: 'add' },
  });
  const inputs = wish.inputs.flatMap(({ name, url, target, follows = {}, overrides = {}, flake: isFlake }) => [
    added(
      target === undefined ? `inputs.${name}` : `inputs.${name}.follows`,
      target ?? (isFlake === false ? `${url} (no flake)` : (url ?? '')),
      leafOf(toPointer(['inputs', name])),
    ),
    ...Object.entries(follows).map(([input, followed]) =>
      added(
        `inputs.${name}.${followsPath(input).join('.')}`,
        followed,
        leafOf(toPointer(['inputs', name, 'follows', input])),
      ),
    ),
    ...Object.entries(overrides).flatMap(([input, wished]) =>
      Object.entries(wished).map(([key, value]) =>
        added(
          `inputs.${name}.${overridePath(input).join('.')}.${key}`,
          String(value),
          leafOf(toPointer(['inputs', name, 'inputs', input, key])),
        ),
      ),
    ),
  ]);
  const host = added(nixAttrPath(['nixosConfigurations', wish.host.name]), `${wish.host.system}`, leafOf('/host/name'));
  return { findings: [...inputs, host], edits: [edit], blobs, rest: { verdict: 'differs', by: host.code } };
}

/** The finding for a generated flake.nix, in which an edit would be lost. */
function madeElsewhere(
  { subject, pointer, from, to }: Change,
  { by, again, at }: GeneratedFlake,
  { path, leafOf }: Desired,
  text: string,
): Finding {
  const what = from === undefined ? `does not declare ${subject}` : `says ${subject} is ${from}`;
  return {
    code: 'RF2058',
    wish: leafOf(pointer),
    subject,
    path,
    at: rangeOf(path, text, at),
    ...(from !== undefined && { from }),
    to,
    because: `flake.nix ${what}, and it is not edited: ${by === undefined ? 'it says that it is generated' : `it is made by ${by}`}`,
    remedy: {
      by: 'you',
      hint: `say it where the file is made from${again === undefined ? ', and make it anew' : `, then: ${again}`}`,
    },
  };
}

/** Findings for parts that can't be edited or read, and for the other differences: all is edited at once, or nothing. */
function refuse(
  { path, dir, leafOf, wish }: Desired,
  text: string,
  { problems, besides }: Pick<Extract<ReturnType<typeof editFlake>, { ok: false }>, 'problems' | 'besides'>,
): Difference {
  const broken = problems.find(
    ({ kind, snippet, pointer }) => kind === 'unreadable' && snippet === '' && pointer === '',
  );
  if (broken !== undefined) {
    const because = `flake.nix cannot be read: ${broken.message}`;
    const remedy = { by: 'you', hint: 'mend the file at the place shown' } as const;
    const at = rangeOf(path, text, broken.at);
    const leaf = leafOf(toPointer(['inputs', wish.inputs[0]?.name ?? '']));
    return barred({ code: 'RF2006', wish: leaf, subject: 'flake.nix', because, remedy, at, path });
  }
  const findings = problems.map(({ kind, message, at, in: elsewhere, snippet, pointer }): Finding => {
    // The wish is undecided: told, and left to --strict. An error would bar all other wishes.
    const isUnknown = kind === 'unreadable';
    const hint = snippet === '' ? 'mend the file at the place shown' : 'if it is not there yet, paste the snippet';
    return {
      code: isUnknown ? 'RF2029' : 'RF2007',
      wish: leafOf(pointer),
      subject: pointer,
      because: isUnknown ? `could not be checked: ${message}` : message,
      at: elsewhere ? rangeOf(join(dir, elsewhere.path), elsewhere.text, at) : rangeOf(path, text, at),
      path,
      remedy: snippet === '' ? { by: 'you', hint } : { by: 'paste', snippet, hint },
    };
  });
  const others = besides.map(
    ({ subject, pointer, from, to }): Finding => ({
      code: 'RF2007',
      wish: leafOf(pointer),
      subject,
      path,
      ...(from !== undefined && { from }),
      to,
      because: from === undefined ? `flake.nix does not declare ${subject}` : `flake.nix says ${subject} is ${from}`,
      remedy: { by: 'you', hint: 'mend what else is said of flake.nix first: all of it is edited at once' },
    }),
  );
  // A host that can't be read tells nothing of its system and modules.
  const hidden = findings.find(({ code, wish: leaf }) => code === 'RF2029' && leaf === leafOf('/host/name'));
  return {
    findings: [...findings, ...others],
    edits: [],
    ...(hidden && {
      rest: { verdict: 'undecided', by: hidden.code, of: wish.host.modules === undefined ? NAMED : HOST },
    }),
  };
}
