// Keeps inputs and host in flake.nix as wished. Writes a new file if there is none, else edits the tokens concerned, and leaves
// a layout that it can't edit safely to its author.

import { rangeOf } from '../../core/diagnostic.ts';
import type { NixFile } from '../../core/documents/nix-text.ts';
import { type Evaluated, tellsOf } from '../../core/evaluation/question.ts';
import { noConfiguration } from '../../core/finding.ts';
import type { Change, Problem } from '../../core/formats/flake/difference.ts';
import { editFlake } from '../../core/formats/flake/edit.ts';
import type { OpenedFlake } from '../../core/formats/flake/flake.ts';
import { type GeneratedFlake, generatedFlake } from '../../core/formats/flake/generated.ts';
import { newFlake } from '../../core/formats/flake/new.ts';
import { type FlakeWish, followsPath, type HostWish, overridePath } from '../../core/formats/flake/wish.ts';
import type { Attrs } from '../../core/formats/flake-ref/model.ts';
import { parseFlakeRef } from '../../core/formats/flake-ref/parse-ref.ts';
import { showFlakeRef } from '../../core/formats/flake-ref/print-ref.ts';
import { asForgeKnows, sameRef } from '../../core/formats/flake-ref/same-ref.ts';
import { fromPointer, toPointer } from '../../core/formats/json-pointer.ts';
import { nixAttrPath } from '../../core/formats/nix/print.ts';
import { oddFile, ownerIn, putText } from '../../core/machine/texts.ts';
import type { Finding, Owner } from '../../core/model.ts';
import { type AbsPath, join, ROOT, relativeTo } from '../../core/path.ts';
import { isTextOf, puts } from '../../core/plan/places.ts';
import { type Asks, barred, type Difference, IN_SYNC, provider, type Rest } from '../../core/plan/provider.ts';
import { attributeOf, type Wishes } from '../../core/spec/resolve.ts';
import { editParts, type PartialEdit } from './parts.ts';
import { type LeafOf, leavesOf, wishFor, withoutLeft } from './wish.ts';

interface Desired {
  /** The name in the spec of each host, by its attribute; none of a spec about one. */
  readonly keys: ReadonlyMap<string, string>;
  /** The attribute of this machine's host. */
  readonly own: string;
  /** Parts of the wish that are to stay as flake.nix has them. */
  readonly leftAlone: Wishes['leftAlone'];
  readonly path: AbsPath;
  readonly dir: AbsPath;
  readonly wish: Required<FlakeWish>;
  readonly owner?: Owner;
  readonly from?: AbsPath;
  /** The leaf of the spec that a pointer of the editor means: an input that is a word has its url there itself. */
  readonly leafOf: LeafOf;
}

interface Observed {
  readonly file: NixFile;
  /** With the files that it imports. */
  readonly read: OpenedFlake | undefined;
  /** The same of a text that is to be written. */
  readonly readAs: (text: string) => OpenedFlake;
  readonly born: Owner;
  /** True if there is a directory to write to. */
  readonly housed: boolean;
}

const INPUTS = [
  '/inputs/*',
  '/inputs/*/url',
  '/inputs/*/flake',
  '/inputs/*/follows/*',
  '/inputs/*/inputs/**',
  '/follows/*',
] as const;

/** The host's wishes for a spec that names no modules: those in flake.nix stay. */
const NAMED = ['/host/name', '/host/attribute', '/host/system'] as const;
const HOST = [...NAMED, '/config/modules'] as const;

export const flake = provider<Desired, Observed>({
  name: 'flake',
  answers: ['/host/attribute', ...INPUTS, '/hosts/*'],
  answersElsewhere: ['/host/name', '/host/system'],
  concerns: ['/host/name', '/host/system', '/config/modules'],
  codes: ['RF2004', 'RF2006', 'RF2007', 'RF2008', 'RF2029', 'RF2058', 'RF2061', 'RF2063', 'RF2103'],
  mayWrite: puts((put, ground) => put.path === join(ground.wishes.dir, 'flake.nix') && isTextOf(put, ground)),
  desire: ({ dir, from, inputs, follows, host, hosts, gone, owner, spec, leftAlone }) => ({
    keys: new Map(hosts.flatMap((one) => (one.key === undefined ? [] : [[attributeOf(one.spec), one.key] as const]))),
    own: host.attribute,
    leftAlone,
    path: join(dir, 'flake.nix'),
    dir,
    wish: {
      inputs: [
        ...inputs.map((input) => wishFor(input, spec)),
        ...follows.map(({ name, target }) => ({ name, target })),
      ],
      hosts: hosts.map(({ spec: { host: one, config }, spec: whole }) => ({
        name: attributeOf(whole),
        system: one.system,
        ...(config?.modules && { modules: config.modules }),
      })),
      gone,
    },
    leafOf: leavesOf(inputs, follows, hosts),
    ...(owner && { owner }),
    ...(from && { from }),
  }),
  observe: async ({ dir, owner }, reader, documents) => ({
    file: documents.flake(),
    read: documents.wholeFlake(),
    readAs: documents.flakeAs,
    born: owner ?? ownerIn(reader, dir),
    housed: reader.stat(dir).type === 'dir',
  }),
  reconcile(desired, { file, read, readAs, born, housed }) {
    const { path, dir, from } = desired;
    if (!housed) return barred(noConfiguration(dir, from));
    if (file.kind === 'odd') {
      const finding = oddFile(path, file, desired.leafOf(toPointer(['inputs', desired.wish.inputs[0]?.name ?? ''])));
      return { findings: [finding], edits: [], rest: [{ verdict: 'differs', by: finding.code }] };
    }
    if (file.kind === 'absent') return create(desired, born, readAs);
    const opened = read ?? file.nix.flake();
    const wish = withoutLeft(desired, opened);
    const after = (text: string, changes: readonly Change[]): readonly Problem[] =>
      systemsOverruled(desired, text, newHosts(changes), readAs);
    const { problems, waiting, ...edited } = editParts({ text: file.text, opened, rules: RULES, after }, wish);
    const refused = problems.length > 0 ? refuse(desired, file.text, { problems, waiting }) : undefined;
    if (!opened.ok) return refused ?? IN_SYNC;
    const asks: Asks = { toplevel: false, decide: (said) => evaluatedOf(desired, said) };
    if (edited.changes.length === 0) return { ...(refused ?? IN_SYNC), asks };
    // A missing host has no system and no modules either.
    const isNewHost = newHosts(edited.changes);
    const restBy = (by: Rest['by']): Pick<Difference, 'rest'> => {
      const rest: Rest[] = [...(refused?.rest ?? [])];
      if (isNewHost.length > 0) rest.unshift({ verdict: 'differs', by, of: HOST, ...hostsNamed(desired, isNewHost) });
      return rest.length > 0 ? { rest } : {};
    };
    const tool = generatedFlake(opened);
    if (tool !== undefined) {
      const left = edited.changes.map((change) => madeElsewhere(change, tool, desired, file.text));
      return {
        ...refused,
        findings: [...left, ...(refused?.findings ?? []).filter(({ code }) => code === 'RF2029')],
        edits: [],
        asks,
        ...restBy('RF2058'),
      };
    }
    const { edit, blobs } = putText(path, file, edited.text, born);
    const changes = edited.changes.map(
      ({ subject, pointer, host, from: declared, to, line }): Finding => ({
        code: 'RF2103',
        ...whose(desired, pointer, host),
        subject,
        path,
        at: { file: path, line, column: 1, endLine: line, endColumn: 1 },
        ...(declared !== undefined && { from: declared }),
        ...(to !== undefined && { to }),
        because: differenceWords({ subject, from: declared, to }),
        remedy: { by: 'plan', action: to === undefined ? 'remove' : declared === undefined ? 'add' : 'change' },
      }),
    );
    return { findings: [...changes, ...(refused?.findings ?? [])], edits: [edit], blobs, asks, ...restBy('RF2103') };
  },
});

const newHosts = (changes: readonly Change[]): readonly string[] =>
  changes.flatMap(({ pointer, host }) => (pointer === '/host/name' && host !== undefined ? [host] : []));

/** `hosts` of a finding or a rest about some of several hosts, by their names in the spec. */
function hostsNamed({ keys }: Desired, attributes: readonly string[]): { readonly hosts?: readonly string[] } {
  const named = attributes.flatMap((attribute) => keys.get(attribute) ?? []);
  return named.length === 0 ? {} : { hosts: named };
}

/** The wish that a part of flake.nix is for. `host`: the attribute of its host, if it is about one. */
const whose = (desired: Desired, pointer: string, host: string | undefined): Pick<Finding, 'wish' | 'hosts'> => ({
  wish: desired.leafOf(pointer, host),
  ...(host !== undefined && hostsNamed(desired, [host])),
});

const differenceWords = ({
  subject,
  from,
  to,
}: Pick<Change, 'subject'> & { readonly from?: string | undefined; readonly to?: string | undefined }): string =>
  to === undefined
    ? `flake.nix still has ${subject}, and the spec says that it is gone`
    : from === undefined
      ? `flake.nix does not declare ${subject}`
      : `flake.nix says ${subject} is ${from}`;

/** The findings where evaluation gives other hosts than wished. */
function evaluatedOf(desired: Desired, said: Evaluated): ReturnType<Asks['decide']> {
  const all = desired.wish.hosts
    .filter(({ name }) => tellsOf(said, name))
    .map((host) => evaluatedHost(desired, host, said));
  const rest = all.flatMap((one) => one.rest ?? []);
  return { findings: all.flatMap(({ findings }) => findings), ...(rest.length > 0 && { rest }) };
}

function evaluatedHost(desired: Desired, host: HostWish, { names, hosts }: Evaluated): ReturnType<Asks['decide']> {
  const { path } = desired;
  const said = hosts.get(host.name);
  const named = hostsNamed(desired, [host.name]);
  const at = `nixosConfigurations.${host.name}`;
  const found = (wish: string, subject: string, because: string, ends: Pick<Finding, 'from' | 'to'> = {}): Finding => ({
    code: 'RF2061',
    wish,
    ...named,
    subject,
    path,
    ...ends,
    because,
    remedy: { by: 'you', hint: 'change what the configuration says there, or the spec' },
  });
  if (said === undefined) {
    const listed = names.length === 0 ? 'none' : names.slice(0, 5).join(', ') + (names.length > 5 ? ', …' : '');
    const because = `evaluation finds no ${at}; there ${names.length === 1 ? 'is' : 'are'} ${listed}`;
    return {
      findings: [found('/host/name', at, because)],
      rest: [{ verdict: 'differs', by: 'RF2061', of: HOST, ...named }],
    };
  }
  const open = (wish: string, what: string): Finding => ({
    code: 'RF2029',
    wish,
    ...named,
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
  const modulesWished = (host.modules ?? []).map((module) => relativeTo(join(ROOT, module), ROOT));
  const isModule = (module: string): boolean =>
    (said.modules ?? []).some(
      (one) => one === module || one === `${module}/default.nix` || (module === '.' && one === 'default.nix'),
    );
  const missing = modulesWished.filter((module) => !isModule(module));
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

/**
 * Hosts that the text adds and whose modules say another system than wished: they go before the argument of nixosSystem, so the
 * host would not be what the spec says.
 */
function systemsOverruled(
  { wish }: Desired,
  text: string,
  added: readonly string[],
  readAs: Observed['readAs'],
): readonly Problem[] {
  const hosts = wish.hosts.filter(({ name }) => added.includes(name));
  if (hosts.length === 0) return [];
  const again = editFlake(text, { inputs: [], hosts }, RULES, readAs(text));
  return again.ok
    ? []
    : again.problems.filter(({ kind, pointer }) => kind !== 'unreadable' && pointer === '/host/system');
}

function create(desired: Desired, born: Owner, readAs: Observed['readAs']): Difference {
  const { path, wish, leafOf } = desired;
  const text = newFlake(wish);
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
  const hosts = wish.hosts.map(({ name, system }) => ({
    ...added(nixAttrPath(['nixosConfigurations', name]), `${system}`, leafOf('/host/name', name)),
    ...hostsNamed(desired, [name]),
  }));
  // A host that is to be gone is gone.
  const of = [...INPUTS, ...HOST];
  const names = wish.hosts.map(({ name }) => name);
  const overruled = systemsOverruled(desired, text, names, readAs);
  if (overruled.length > 0) {
    const { findings } = refuse(desired, text, { problems: overruled, waiting: [] });
    const hint = 'mend what else is said of flake.nix first: all of it is written at once';
    const waiting = [...inputs, ...hosts].map(
      (one): Finding => ({ ...one, code: 'RF2007', remedy: { by: 'you', hint } }),
    );
    return { findings: [...findings, ...waiting], edits: [], rest: [{ verdict: 'differs', by: 'RF2007', of }] };
  }
  return { findings: [...inputs, ...hosts], edits: [edit], blobs, rest: [{ verdict: 'differs', by: 'RF2103', of }] };
}

/** The finding for a generated flake.nix, in which an edit would be lost. */
function madeElsewhere(
  { subject, pointer, host, from, to }: Change,
  { by, again, at }: GeneratedFlake,
  desired: Desired,
  text: string,
): Finding {
  const { path } = desired;
  return {
    code: 'RF2058',
    ...whose(desired, pointer, host),
    subject,
    path,
    at: rangeOf(path, text, at),
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    because: `${differenceWords({ subject, from, to })}, and it is not edited: ${by === undefined ? 'it says that it is generated' : `it is made by ${by}`}`,
    remedy: {
      by: 'you',
      hint: `say it where the file is made from${again === undefined ? ', and make it anew' : `, then: ${again}`}`,
    },
  };
}

/** The reason a difference waits. */
function waitHint(pointer: string, host: string | undefined): string {
  if (host !== undefined) return `mend what else is said of ${host} first: a host is edited as a whole`;
  const [of, name] = fromPointer(pointer);
  const what = of === 'inputs' && name !== undefined ? `inputs.${name} first: an input` : 'flake.nix first: it';
  return `mend what else is said of ${what} is edited as a whole`;
}

/** Findings for parts that can't be edited or read, and for the other differences of their inputs and hosts. */
function refuse(
  desired: Desired,
  text: string,
  { problems, waiting }: Pick<PartialEdit, 'problems' | 'waiting'>,
): Difference {
  const { path, dir, leafOf, wish } = desired;
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
  const findings = problems.map(({ kind, message, at, in: elsewhere, snippet, pointer, host }): Finding => {
    // The wish is undecided: told, and left to --strict. An error would bar all other wishes.
    const isUnknown = kind === 'unreadable';
    const hint = snippet === '' ? 'mend the file at the place shown' : 'if it is not there yet, paste the snippet';
    return {
      code: isUnknown ? 'RF2029' : 'RF2007',
      ...whose(desired, pointer, host),
      subject: pointer,
      because: isUnknown ? `could not be checked: ${message}` : message,
      at: elsewhere ? rangeOf(join(dir, elsewhere.path), elsewhere.text, at) : rangeOf(path, text, at),
      path,
      remedy: snippet === '' ? { by: 'you', hint } : { by: 'paste', snippet, hint },
    };
  });
  const others = waiting.map(
    ({ subject, pointer, host, from, to }): Finding => ({
      code: 'RF2007',
      ...whose(desired, pointer, host),
      subject,
      path,
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
      because: differenceWords({ subject, from, to }),
      remedy: { by: 'you', hint: waitHint(pointer, host) },
    }),
  );
  const ofHost = ({ pointer, host }: { readonly pointer: string; readonly host?: string }): readonly string[] =>
    pointer === '/host/name' && host !== undefined ? [host] : [];
  const isOpen = ({ kind }: (typeof problems)[number]): boolean => kind === 'unreadable';
  // A host that can't be read tells nothing of its system and modules.
  const hidden = problems.filter(isOpen).flatMap(ofHost);
  // One that is missing has none.
  const missing = [...problems.filter((one) => !isOpen(one)), ...waiting].flatMap(ofHost);
  const says = (name: string): boolean => wish.hosts.find((one) => one.name === name)?.modules !== undefined;
  const restOf = (verdict: Rest['verdict'], by: Rest['by'], all: readonly string[]): Rest[] =>
    (
      [
        [HOST, all.filter(says)],
        [NAMED, all.filter((name) => !says(name))],
      ] as const
    ).flatMap(([of, names]): Rest[] =>
      names.length === 0 ? [] : [{ verdict, by, of, ...hostsNamed(desired, names) }],
    );
  const rest = [...restOf('differs', 'RF2007', missing), ...restOf('undecided', 'RF2029', hidden)];
  return { findings: [...findings, ...others], edits: [], ...(rest.length > 0 && { rest }) };
}
