// --only and --skip: chooses the providers that look, by their names and by words of the spec. Pure.

import type { JsonPointer } from '../../core/diagnostic.ts';
import { toPointer } from '../../core/formats/json-pointer.ts';
import type { Descriptor } from '../../core/plan/provider.ts';
import type { Spec } from '../../core/spec/hosts-over-defaults.ts';
import { isAnyMatch, isUnder, leavesOf } from '../../core/spec/leaves.ts';
import type { GlobalOptions, Usage } from './io.ts';

export interface Selected {
  readonly isSelected: (name: string) => boolean;
  /** The spec without the left-out wishes that a selected provider would grant. */
  readonly spec: Spec;
}

/**
 * `--only WORD`: the provider of that name, or those that answer or concern a wish under the word. `--skip WORD`: not that
 * provider, or none that answers only wishes under the word. Throws usage where no wish is left.
 */
export function selectionOf(
  { only = [], skip = [] }: Pick<GlobalOptions, 'only' | 'skip'>,
  spec: Spec,
  providers: readonly Descriptor[],
  gone: readonly string[] = [],
): Selected {
  const leaves = [...leavesOf(spec), ...gone.map((name) => toPointer(['hosts', name]))];
  const names = providers.map(({ name }) => name);
  for (const word of [...only, ...skip])
    if (!names.includes(word) && !leaves.some((leaf) => isUnder(leaf, word))) throw noWish(word, leaves, names);
  const answered = ({ answers }: Descriptor): readonly JsonPointer[] =>
    leaves.filter((leaf) => isAnyMatch(leaf, answers));
  const concerned = ({ answers, concerns = [] }: Descriptor): readonly JsonPointer[] =>
    leaves.filter((leaf) => isAnyMatch(leaf, [...answers, ...concerns]));
  const isNamed = (word: string): boolean => names.includes(word);
  const wanted = (provider: Descriptor): boolean =>
    only.length === 0 ||
    only.some((word) =>
      isNamed(word) ? provider.name === word : concerned(provider).some((leaf) => isUnder(leaf, word)),
    );
  const skipped = (leaf: JsonPointer): boolean => skip.some((word) => !isNamed(word) && isUnder(leaf, word));
  const unwanted = (provider: Descriptor): boolean => {
    const own = answered(provider);
    return skip.includes(provider.name) || (own.length > 0 && own.every(skipped));
  };
  const looking = providers.filter((provider) => wanted(provider) && !unwanted(provider));
  const alone = looking.flatMap(answered).find((leaf) => skipped(leaf));
  if (alone !== undefined)
    throw {
      usage: `--skip: ${alone} cannot be left out by itself: the provider that answers it answers other wishes too`,
    } satisfies Usage;
  if (looking.flatMap(concerned).length === 0) throw noWish([...only, ...skip].join(', '), leaves, names);
  const { features, ...rest } = spec;
  const isSelected = (name: string): boolean => looking.some((one) => one.name === name);
  return {
    isSelected,
    spec: {
      ...rest,
      // A provider that only concerns them would enable them all the same.
      ...(features && !skipped('/features') && { features }),
      // With the git provider left out, others must not count on it.
      ...(rest.git && { git: isSelected('git') ? rest.git : ('off' as const) }),
    },
  };
}

const noWish = (word: string, leaves: readonly JsonPointer[], names: readonly string[]): Usage => ({
  usage: `no wish of the spec falls under ${JSON.stringify(word)}; its words are ${[...new Set(leaves.map((leaf) => leaf.split('/')[1]))].join(', ')}, the providers ${names.join(', ')}`,
});
