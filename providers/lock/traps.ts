// Finds references in flake.nix that mean something else to Nix than they look like; those of the spec are judged with it.

import { rangeOf } from '../../core/diagnostic.ts';
import type { InputDecl } from '../../core/formats/flake/flake.ts';
import { refTraps } from '../../core/formats/flake-ref/traps.ts';
import type { Finding } from '../../core/model.ts';
import type { FlakeText } from './audit.ts';

/** `wished`: the references of the spec. A name of the registry is no trap here: it works, and many write it. */
export function flakeTraps({ path, text, flake }: FlakeText, wished: readonly string[]): readonly Finding[] {
  const search = (decls: readonly InputDecl[]): readonly Finding[] =>
    decls.flatMap(({ name, ref, overrides }) => {
      const traps = ref.kind === 'url' && !wished.includes(ref.url) ? refTraps(ref.url) : [];
      const own = traps.flatMap((trap): Finding[] =>
        trap.kind === 'indirect' || ref.kind === 'none'
          ? []
          : [
              {
                code: 'RF1008',
                subject: `inputs.${name}.url`,
                because: trap.message,
                remedy: { by: 'you', hint: trap.hint },
                at: rangeOf(path, text, ref.span),
                path,
              },
            ],
      );
      return [...own, ...search(overrides)];
    });
  return search(flake.inputs);
}
