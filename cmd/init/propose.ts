// Chooses the subject of init's spec: the flake of this machine, or the one that its channel configuration becomes.

import { chooseFlake } from '../../core/survey/flake-choice.ts';
import { ask, LEFT } from '../session/question.ts';
import { adoptFlake } from './adopt.ts';
import { convertChannel } from './convert.ts';
import { type Known, type Proposal, unanswered } from './proposal.ts';

export async function proposeSpec(known: Known): Promise<Proposal> {
  const { found, named, options, reader, asks, io } = known;
  const choice = chooseFlake(found, named?.flake, options.name, reader);
  switch (choice.kind) {
    case 'adopt':
      return await adoptFlake(choice.candidate, choice.others, known);
    case 'none':
      return await convertChannel(choice.others, known);
    case 'broken':
      return unanswered(
        `the flake at "${choice.place}" cannot be adopted: ${choice.problem}`,
        'mend it first, or say where the configuration is, or is to be: --path DIR',
      );
    case 'open': {
      const places = choice.candidates.map(({ flake }) => flake.dir);
      const summary = `several flakes may be this machine’s: ${places.join(', ')}`;
      if (!asks) return unanswered(summary, `say which: --path ${places[0]}`);
      io.err(`${summary}\n`);
      const problem = (answer: string): string | undefined =>
        places.some((place) => place === answer) ? undefined : `one of ${places.join(', ')}`;
      const answer = await ask(io, { text: 'Which one', guess: places[0], problem });
      const candidate = choice.candidates.find(({ flake }) => flake.dir === answer);
      return candidate === undefined ? { end: LEFT } : await adoptFlake(candidate, [], known);
    }
  }
}
