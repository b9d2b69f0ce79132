// What the NixOS configuration itself must say: the experimental features, where NixOS makes nix.conf from it;
// and nothing that a flake cannot be built with. Edits tokens of the modules, or says what to paste.

import { type JsonPointer, rangeOf, type SourceRange } from '../core/diagnostic.ts';
import type { Documents } from '../core/documents/documents.ts';
import type { Evaluated } from '../core/evaluation/question.ts';
import { noConfiguration } from '../core/finding.ts';
import { removeBinding, setFeatures } from '../core/formats/module/edit.ts';
import type { ModuleFacts } from '../core/formats/module/module.ts';
import type { Span } from '../core/formats/nix/syntax.ts';
import { evaluateNixConf } from '../core/formats/nix-conf/nix-conf.ts';
import { MOST } from '../core/limits.ts';
import type { Reader } from '../core/machine/reader.ts';
import { oddFile, ownerIn, putText, type TextFile } from '../core/machine/texts.ts';
import type { Finding, Owner, Put } from '../core/model.ts';
import { type AbsPath, isWithin, join, relativeTo } from '../core/path.ts';
import { type Ground, isTextOf, puts } from '../core/plan/places.ts';
import { type Asks, barred, type Difference, provider } from '../core/plan/provider.ts';

interface Desired {
  readonly dir: AbsPath;
  readonly from?: AbsPath;
  readonly modules: readonly string[];
  readonly features: readonly string[];
}

interface Module {
  readonly path: AbsPath;
  readonly file: TextFile & { kind: 'text' };
  /** Undefined where the module's shape tells nothing: a function that makes one, a computed set. */
  readonly facts: ModuleFacts | undefined;
}

interface Observed {
  /** NixOS makes nix.conf from this configuration. */
  readonly bySystem: boolean;
  readonly housed: boolean;
  /** The wished modules first, then what they import. */
  readonly modules: readonly Module[];
  readonly broken: readonly Finding[];
  readonly born: Owner;
}

export const configuration = provider<Desired, Observed>({
  name: 'configuration',
  answers: ['/config/modules'],
  concerns: ['/features'],
  codes: ['RF2004', 'RF2008', 'RF2009', 'RF2031', 'RF2061', 'RF2062', 'RF2063', 'RF2104', 'RF2105'],
  mayWrite: puts((put, ground) => isModule(put, ground) && isTextOf(put, ground)),
  desire: ({ dir, from, modules, features }) => ({
    dir,
    modules,
    ...(from && { from }),
    features: features ?? [],
  }),
  async observe({ dir, modules }, reader, documents) {
    const wished = modules.map((module) => join(dir, module));
    const imported = importedThatMatter(wished, reader, documents);
    const read = [...wished, ...imported].map((path) => ({ path, file: documents.nix(path) }));
    const housed = reader.stat(dir).type === 'dir';
    const missing = wished.filter((path) => reader.stat(path).type === 'absent');
    const broken = missing.map(
      (path): Finding => ({
        code: 'RF2004',
        wish: '/config/modules',
        subject: 'config.modules',
        because: `the module "${relativeTo(path, dir)}" is not there`,
        remedy: { by: 'you', hint: 'mend config.modules, or put the file in its place' },
        path,
      }),
    );
    const found: Module[] = [];
    for (const { path, file } of read) {
      if (file.kind === 'odd') broken.push(oddFile(path, file, '/config/modules'));
      if (file.kind !== 'text') continue;
      const facts = file.nix.module();
      // Not every file is a module that can be read; but every file must parse.
      if (!facts.ok && !file.nix.parsed().ok) broken.push(unparsable(path, file.text, facts));
      else found.push({ path, file, facts: facts.ok ? facts : undefined });
    }
    return { bySystem: documents.nixConf().bySystem, housed, modules: found, broken, born: ownerIn(reader, dir) };
  },
  reconcile(desired, observed) {
    const { modules, bySystem, housed, broken, born } = observed;
    // Where NixOS makes nix.conf, these modules are all there is to look at for the features.
    const asked = bySystem ? undefined : ['/config/modules'];
    if (!housed) return barred(noConfiguration(desired.dir, desired.from), asked);
    const [first] = broken;
    if (first !== undefined) return { ...barred(first, asked), findings: broken };
    const { known, target, unknown } = effectiveFeatures(modules);
    const missing = bySystem ? desired.features.filter((feature) => !known.has(feature)) : [];
    const asks: Asks = { toplevel: false, decide: (said) => ({ findings: bySystem ? enabledIn(desired, said) : [] }) };
    const joined = joinDifferences(
      modules.map((module) => {
        const enabling =
          module !== target || missing.length === 0
            ? unchanged(module)
            : unknown !== undefined
              ? undecided(module, unknown, missing)
              : enable(module, known, missing, desired);
        return asDifference(
          module,
          [enabling, removeCopy({ ...module, file: { ...module.file, text: enabling.text } }, desired)],
          born,
        );
      }),
    );
    return { ...joined, asks };
  },
});

/** What the built nix.conf enables: the lines of nix.extraOptions come after the settings. */
function enabledIn({ features, dir }: Desired, { host }: Evaluated): readonly Finding[] {
  const { features: settings, extraOptions = '' } = host ?? {};
  if (settings === undefined && extraOptions === '') return [];
  const text = `experimental-features = ${(settings ?? []).join(' ')}\n${extraOptions}\n`;
  const { requestedFeatures } = evaluateNixConf([{ path: '/etc/nix/nix.conf', text }], () => undefined);
  const missing = features.filter((feature) => !requestedFeatures.includes(feature));
  if (missing.length === 0) return [];
  return [
    {
      code: 'RF2061',
      wish: '/features',
      subject: 'nix.settings.experimental-features',
      path: dir,
      from: requestedFeatures.join(' '),
      to: features.join(' '),
      because: `evaluation says ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not enabled`,
      remedy: {
        by: 'paste',
        snippet: `nix.settings.experimental-features = [ ${missing.map((name) => `"${name}"`).join(' ')} ];`,
        hint: 'paste the snippet into a module',
      },
    },
  ];
}

/** A Nix file of the tree that is there, or a wished module of whatever name; none of git's own. */
function isModule({ path, before }: Put, { wishes: { dir, modules } }: Ground): boolean {
  if (before.type === 'absent' || !isWithin(path, dir) || /(^|\/)\.git\//.test(`${relativeTo(path, dir)}/`))
    return false;
  return path.endsWith('.nix') || modules.some((module) => join(dir, module) === path);
}

/**
 * The imported modules whose text could say something that is asked here. A name in a comment proves nothing, so where
 * there is such a text, what is really imported is found out by parsing.
 */
function importedThatMatter(wished: readonly AbsPath[], reader: Reader, documents: Documents): readonly AbsPath[] {
  const matters = (path: AbsPath): boolean =>
    path.endsWith('.nix') &&
    !wished.includes(path) &&
    TELLING.test(Buffer.from(reader.read(path, MOST.textBytes) ?? []).toString('latin1'));
  if (![...documents.mentioned().keys()].some(matters)) return [];
  return [...documents.modules().files.keys()].filter(matters);
}

const TELLING = /experimental-features|extraOptions|copySystemConfiguration/;

/** One edit of a module's text, or why there is none. */
interface TextEdit {
  readonly text: string;
  readonly findings: readonly Finding[];
}

const unchanged = ({ file }: Module): TextEdit => ({ text: file.text, findings: [] });

function asDifference({ path, file }: Module, edits: readonly [TextEdit, TextEdit], born: Owner): Difference {
  const [, { text }] = edits;
  const findings = edits.flatMap((edit) => edit.findings);
  if (text === file.text) return { findings, edits: [] };
  const { edit, blobs } = putText(path, file, text, born);
  return { findings, edits: [edit], blobs };
}

/** Some of what the modules enable is computed, and the missing ones may be among it. */
function undecided(module: Module, unknown: Unknown, missing: readonly string[]): TextEdit {
  const { path, file } = unknown.module;
  const list = missing.map((name) => `"${name}"`).join(' ');
  const finding: Finding = {
    code: 'RF2031',
    wish: '/features',
    subject: 'nix.settings.experimental-features',
    because: `whether ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} enabled is not known: ${unknown.reason}`,
    at: rangeOf(path, file.text, unknown.at),
    path,
    remedy: {
      by: 'paste',
      snippet: `nix.settings.experimental-features = [ ${list} ];`,
      hint: 'write the features out, or paste the snippet if they are not there yet',
    },
  };
  return { ...unchanged(module), findings: [finding] };
}

function enable(
  module: Module,
  known: ReadonlySet<string>,
  missing: readonly string[],
  { features, dir }: Desired,
): TextEdit {
  const { path, file } = module;
  const edited = setFeatures(file.text, features);
  if (!edited.ok) return { ...unchanged(module), findings: [uneditable(path, file.text, edited, '/features')] };
  const { described } = edited;
  const finding: Finding = {
    code: 'RF2104',
    wish: '/features',
    subject: 'nix.settings.experimental-features',
    path,
    at: lineAt(path, described.line),
    ...(known.size > 0 && { from: [...known].join(' ') }),
    to: [...new Set([...known, ...features])].join(' '),
    because: `NixOS makes nix.conf from the configuration, and "${relativeTo(path, dir)}" does not enable ${missing.join(', ')}`,
    remedy: { by: 'plan', action: described.kind === 'added' ? 'add' : 'change' },
  };
  return { text: edited.text, findings: [finding] };
}

/** `system.copySystemConfiguration` throws in a flake: there is no <nixos-config> to copy. */
function removeCopy(module: Module, { dir }: Desired): TextEdit {
  const { path, file, facts } = module;
  const copies = facts?.copySystemConfiguration;
  if (copies?.kind !== 'static' || !copies.value) return unchanged(module);
  const edited = removeBinding(file.text, ['system', 'copySystemConfiguration']);
  if (!edited.ok) return { ...unchanged(module), findings: [uneditable(path, file.text, edited, '/config/modules')] };
  const finding: Finding = {
    code: 'RF2105',
    wish: '/config/modules',
    subject: 'system.copySystemConfiguration',
    path,
    from: 'true',
    because: `"${relativeTo(path, dir)}" asks for a copy of the configuration, which a flake cannot give: it does not evaluate`,
    remedy: { by: 'plan', action: 'remove' },
  };
  return { text: edited.text, findings: [finding] };
}

/** A part of what is enabled that the text does not tell. */
interface Unknown {
  readonly module: Module;
  readonly reason: string;
  readonly at: Span;
}

/**
 * What all modules together enable: lists of several modules are joined; a line in nix.extraOptions comes last in
 * nix.conf and decides alone. `target`: where an edit belongs.
 */
function effectiveFeatures(modules: readonly Module[]): {
  known: ReadonlySet<string>;
  target: Module | undefined;
  unknown: Unknown | undefined;
} {
  const places = modules.flatMap((module) => (module.facts?.features.places ?? []).map((place) => ({ module, place })));
  const deciding = places.find(({ place }) => place.where === 'extraOptions' && !place.adds);
  const counted = deciding ? places.filter(({ place }) => place.where === 'extraOptions') : places;
  const known = new Set(counted.flatMap(({ place }) => (place.features.kind === 'static' ? place.features.value : [])));
  const main = modules.find(({ facts }) => facts !== undefined) ?? modules[0];
  const [unknown] = modules.flatMap((module): Unknown[] => {
    const effective = module.facts?.features.effective;
    if (effective?.kind === 'not-static') return [{ module, reason: effective.reason, at: effective.span }];
    const isSilent = module.facts !== undefined || !TELLING.test(module.file.text);
    return isSilent ? [] : [{ module, reason: 'the module is made by a function', at: { start: 0, end: 1 } }];
  });
  const target = (deciding ?? places.find(({ place }) => place.where === 'settings'))?.module ?? main;
  // A line of nix.extraOptions that can be read decides, whatever the settings compute.
  return { known, target, unknown: deciding === undefined ? unknown : undefined };
}

const lineAt = (file: AbsPath, line: number): SourceRange => ({ file, line, column: 1, endLine: line, endColumn: 1 });

const uneditable = (
  path: AbsPath,
  text: string,
  { reason, at, snippet }: { readonly reason: string; readonly at: Span; readonly snippet?: string },
  wish: JsonPointer,
): Finding => ({
  code: 'RF2008',
  wish,
  subject: wish === '/features' ? 'nix.settings.experimental-features' : 'system.copySystemConfiguration',
  because: reason,
  at: rangeOf(path, text, at),
  path,
  remedy: snippet
    ? { by: 'paste', snippet, hint: 'paste the snippet, then run reflake plan again' }
    : { by: 'you', hint: 'mend the place shown, then run reflake plan again' },
});

const unparsable = (
  path: AbsPath,
  text: string,
  { reason, at }: { readonly reason: string; readonly at: Span },
): Finding => ({
  code: 'RF2009',
  wish: '/config/modules',
  subject: 'config.modules',
  because: reason,
  at: rangeOf(path, text, at),
  path,
  remedy: { by: 'you', hint: 'mend the file at the place shown' },
});

const joinDifferences = (all: readonly Difference[]): Difference => ({
  findings: all.flatMap(({ findings }) => findings),
  edits: all.flatMap(({ edits }) => edits),
  blobs: Object.assign({}, ...all.map(({ blobs }) => blobs ?? {})),
});
