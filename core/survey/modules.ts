// Reads host name, system and users from the modules of a machine and the files that they import, by the text alone.

import { moduleGraph } from '../documents/graph.ts';
import { nixFile } from '../documents/nix-text.ts';
import type { ModuleFacts } from '../formats/module/module.ts';
import type { Static } from '../formats/nix-value/static.ts';
import { MOST } from '../limits.ts';
import type { Reader } from '../machine/reader.ts';
import { type AbsPath, relativeTo } from '../path.ts';
import type { Fact } from './fact.ts';

export interface ModulesSay {
  readonly hostName: Fact | undefined;
  readonly system: Fact | undefined;
  readonly stateVersion: Fact | undefined;
  /** Normal users. */
  readonly users: readonly string[];
}

/** `modules`: relative to `dir`; files that they import are read too. Throws `unreadable`. */
export function whatModulesSay(dir: AbsPath, modules: readonly string[], reader: Reader): ModulesSay {
  const { files } = moduleGraph({ dir, within: dir, entries: modules, isHidden: () => false }, reader);
  const read = [...files.keys()].flatMap((path) => {
    const facts = path.endsWith('.nix') ? factsOf(path, reader) : undefined;
    return facts === undefined ? [] : [{ source: relativeTo(path, dir), facts }];
  });
  /** If files disagree, only evaluation knows which one counts. */
  const one = (value: (facts: ModuleFacts) => Static<string>): Fact | undefined => {
    const said = read.flatMap(({ source, facts }): Fact[] => {
      const found = value(facts);
      return found.kind === 'static' ? [{ value: found.value, source }] : [];
    });
    return said.every(({ value: other }) => other === said[0]?.value) ? said[0] : undefined;
  };
  return {
    hostName: one(({ hostName }) => hostName),
    system: one(({ hostPlatform }) => hostPlatform),
    stateVersion: one(({ stateVersion }) => stateVersion),
    users: read.flatMap(({ facts }) => facts.users.flatMap((user) => (user.kind === 'static' ? [user.value] : []))),
  };
}

/** Undefined: the file states none of these. */
function factsOf(path: AbsPath, reader: Reader): ModuleFacts | undefined {
  if (!TELLING.test(Buffer.from(reader.read(path, MOST.textBytes) ?? []).toString('latin1'))) return undefined;
  const file = nixFile(reader, path);
  const facts = file.kind === 'text' ? file.nix.module() : undefined;
  return facts?.ok ? facts : undefined;
}

const TELLING = /hostName|hostPlatform|nixpkgs|stateVersion|isNormalUser/;
