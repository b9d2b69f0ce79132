// What the NixOS configuration itself must say: the experimental features, where NixOS makes nix.conf from it;
// and nothing that a flake cannot be built with. Edits tokens of the modules, or says what to paste.

import { closure, mentioned } from '../core/closure.ts';
import { type Diagnostic, rangeOf } from '../core/diagnostic.ts';
import { type ModuleFacts, readModule } from '../core/formats/nix/module.ts';
import { removeBinding, setFeatures } from '../core/formats/nix/module-edit.ts';
import { parseNix } from '../core/formats/nix/parse.ts';
import type { Span } from '../core/formats/nix/syntax.ts';
import type { Reader } from '../core/host/host.ts';
import { MOST } from '../core/limits.ts';
import type { Change, Owner } from '../core/model.ts';
import { nixConfOf } from '../core/nix-conf-files.ts';
import { type AbsPath, join, relativeTo } from '../core/path.ts';
import { type Difference, provider } from '../core/provider.ts';
import { ownerIn, putText, readText, type TextFile } from '../core/texts.ts';

interface Desired {
  readonly dir: AbsPath;
  readonly modules: readonly string[];
  readonly features: readonly string[];
  readonly home: string;
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
  /** The wished modules first, then what they import. */
  readonly modules: readonly Module[];
  readonly broken: readonly Diagnostic[];
  readonly born: Owner;
}

export const configuration = provider<Desired, Observed>({
  name: 'configuration',
  desire: ({ dir, modules, features, person, owner, people }) => ({
    dir,
    modules,
    features: features ?? [],
    home: (owner && people.user(owner.uid)?.home) ?? person.home,
  }),
  async observe({ dir, modules, home }, reader) {
    const wished = modules.map((module) => join(dir, module));
    const imported = importedThatMatter(dir, modules, wished, reader);
    const read = [...wished, ...imported].map((path) => ({ path, file: readText(reader, path) }));
    const missing = wished.filter((path) => reader.stat(path).type === 'absent' && reader.stat(dir).type === 'dir');
    const broken = missing.map(
      (path): Diagnostic => ({
        severity: 'error',
        code: 'RF2004',
        summary: `the module "${relativeTo(path, dir)}" is not there`,
        hint: 'mend config.modules, or put the file in its place',
        pointer: '/config/modules',
        path,
      }),
    );
    const found: Module[] = [];
    for (const { path, file } of read) {
      if (file.kind !== 'text') continue;
      const facts = readModule(file.text);
      // Not every file is a module that can be read; but every file must parse.
      if (!facts.ok && !parseNix(file.text).ok) broken.push(unparsable(path, file.text, facts));
      else found.push({ path, file, facts: facts.ok ? facts : undefined });
    }
    return { bySystem: nixConfOf(reader, home).bySystem, modules: found, broken, born: ownerIn(reader, dir) };
  },
  reconcile(desired, observed) {
    if (observed.broken.length > 0) return { changes: [], edits: [], diagnostics: observed.broken };
    const { modules, bySystem } = observed;
    const { known, target } = effectiveFeatures(modules);
    const missing = bySystem ? desired.features.filter((feature) => !known.has(feature)) : [];
    return joinDifferences(
      modules.map((module) => {
        const enabling =
          module === target && missing.length > 0 ? enable(module, known, missing, desired) : unchanged(module);
        return asDifference(
          module,
          [enabling, removeCopy({ ...module, file: { ...module.file, text: enabling.text } }, desired)],
          observed.born,
        );
      }),
    );
  },
});

/**
 * The imported modules whose text could say something that is asked here. A name in a comment proves nothing, so where
 * there is such a text, what is really imported is found out by parsing.
 */
function importedThatMatter(
  dir: AbsPath,
  modules: readonly string[],
  wished: readonly AbsPath[],
  reader: Reader,
): readonly AbsPath[] {
  const matters = (path: AbsPath): boolean =>
    path.endsWith('.nix') &&
    !wished.includes(path) &&
    TELLING.test(Buffer.from(reader.read(path, MOST.textBytes) ?? []).toString('latin1'));
  if (![...mentioned(dir, modules, reader)].some(matters)) return [];
  return closure(dir, modules, reader).filter(matters);
}

const TELLING = /experimental-features|extraOptions|copySystemConfiguration/;

/** One edit of a module's text, or why there is none. */
interface TextEdit {
  readonly text: string;
  readonly changes: readonly Change[];
  readonly diagnostics: readonly Diagnostic[];
}

const unchanged = ({ file }: Module): TextEdit => ({ text: file.text, changes: [], diagnostics: [] });

function asDifference({ path, file }: Module, edits: readonly [TextEdit, TextEdit], born: Owner): Difference {
  const [, { text }] = edits;
  const changes = edits.flatMap((edit) => edit.changes);
  const diagnostics = edits.flatMap((edit) => edit.diagnostics);
  if (text === file.text || diagnostics.length > 0) return { changes: [], edits: [], diagnostics };
  const { edit, blobs } = putText(path, file, text, born);
  return { changes, edits: [edit], diagnostics, blobs };
}

function enable(
  module: Module,
  known: ReadonlySet<string>,
  missing: readonly string[],
  { features, dir }: Desired,
): TextEdit {
  const { path, file } = module;
  const edited = setFeatures(file.text, features);
  if (!edited.ok) return { ...unchanged(module), diagnostics: [uneditable(path, file.text, edited, '/features')] };
  const { described } = edited;
  const change: Change = {
    subject: 'nix.settings.experimental-features',
    path,
    action: described.kind === 'added' ? 'add' : 'change',
    ...(known.size > 0 && { from: [...known].join(' ') }),
    to: [...new Set([...known, ...features])].join(' '),
    reason: 'missing',
    because: `NixOS makes nix.conf from the configuration, and "${relativeTo(path, dir)}" does not enable ${missing.join(', ')}`,
    pointer: '/features',
    line: described.line,
  };
  return { text: edited.text, changes: [change], diagnostics: [] };
}

/** `system.copySystemConfiguration` throws in a flake: there is no <nixos-config> to copy. */
function removeCopy(module: Module, { dir }: Desired): TextEdit {
  const { path, file, facts } = module;
  const copies = facts?.copySystemConfiguration;
  if (copies?.kind !== 'static' || !copies.value) return unchanged(module);
  const edited = removeBinding(file.text, ['system', 'copySystemConfiguration']);
  if (!edited.ok)
    return { ...unchanged(module), diagnostics: [uneditable(path, file.text, edited, '/config/modules')] };
  const change: Change = {
    subject: 'system.copySystemConfiguration',
    path,
    action: 'remove',
    from: 'true',
    reason: 'unwanted',
    because: `"${relativeTo(path, dir)}" asks for a copy of the configuration, which a flake cannot give: it does not evaluate`,
    pointer: '/config/modules',
  };
  return { text: edited.text, changes: [change], diagnostics: [] };
}

/**
 * What all modules together enable: lists of several modules are joined; a line in nix.extraOptions comes last in
 * nix.conf and decides alone. `target`: where an edit belongs.
 */
function effectiveFeatures(modules: readonly Module[]): { known: ReadonlySet<string>; target: Module | undefined } {
  const places = modules.flatMap((module) => (module.facts?.features.places ?? []).map((place) => ({ module, place })));
  const deciding = places.find(({ place }) => place.where === 'extraOptions' && !place.adds);
  const counted = deciding ? places.filter(({ place }) => place.where === 'extraOptions') : places;
  const known = new Set(counted.flatMap(({ place }) => (place.features.kind === 'static' ? place.features.value : [])));
  const main = modules.find(({ facts }) => facts !== undefined) ?? modules[0];
  return { known, target: (deciding ?? places.find(({ place }) => place.where === 'settings'))?.module ?? main };
}

const uneditable = (
  path: AbsPath,
  text: string,
  { reason, at, snippet }: { readonly reason: string; readonly at: Span; readonly snippet?: string },
  pointer: string,
): Diagnostic => ({
  severity: 'error',
  code: 'RF2008',
  summary: reason,
  hint: 'paste the snippet, then run reflake plan again',
  at: rangeOf(path, text, at),
  path,
  pointer,
  ...(snippet && { snippet }),
});

const unparsable = (
  path: AbsPath,
  text: string,
  { reason, at }: { readonly reason: string; readonly at: Span },
): Diagnostic => ({
  severity: 'error',
  code: 'RF2009',
  summary: reason,
  hint: 'mend the file at the place shown',
  at: rangeOf(path, text, at),
  path,
});

function joinDifferences(all: readonly Difference[]): Difference {
  return {
    changes: all.flatMap(({ changes }) => changes),
    edits: all.flatMap(({ edits }) => edits),
    diagnostics: all.flatMap(({ diagnostics }) => diagnostics),
    blobs: Object.assign({}, ...all.map(({ blobs }) => blobs ?? {})),
  };
}
