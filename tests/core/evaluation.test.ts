// The question to Nix, and the reading of its answer and of its errors.

import { describe, expect, test } from '@jest/globals';
import { failureIn } from '../../core/evaluation/failure.ts';
import { answerIn, questionText } from '../../core/evaluation/question.ts';
import { parseNix } from '../../core/formats/nix/parse.ts';

test.each(['nixos', 'a.b', 'quote"d', '${x}', 'back\\slash'])('the question about %j is one expression', (host) => {
  const text = questionText({ hosts: [host, 'other'], toplevel: host });
  expect(parseNix(text).ok).toBe(true);
  expect(text).toContain(JSON.stringify(host).replace('${', '\\${'));
});

test('an answer', () => {
  const json = JSON.stringify({
    names: ['a', 'b'],
    hosts: {
      a: {
        system: 'x86_64-linux',
        hostName: 'a',
        features: ['nix-command  flakes'],
        extraOptions: null,
        modules: [
          null,
          '/nix/store/9z8m0rnpmqp7sr3l9yc2vwf8jv1r9fdk-source/hosts/a.nix',
          '/home/srid/.cache/reflake/store/nix/store/9z8m0rnpmqp7sr3l9yc2vwf8jv1r9fdk-source/b.nix',
          '/nix/store/9z8m0rnpmqp7sr3l9yc2vwf8jv1r9fdk-source/hosts/a.nix',
        ],
        toplevel: null,
      },
    },
  });
  expect(answerIn(json)).toEqual({
    names: ['a', 'b'],
    hosts: new Map([
      [
        'a',
        {
          system: 'x86_64-linux',
          hostName: 'a',
          features: ['nix-command', 'flakes'],
          modules: ['hosts/a.nix', 'b.nix'],
        },
      ],
    ]),
  });
});

test.each(['', 'null', '[]', '{}', '{"names": [1]}', '{"names": "a"}', '{"names": []}', 'error: x'])(
  '%j is no answer',
  (text) => expect(answerIn(text)).toBeUndefined(),
);

describe('why it came to nothing', () => {
  const WORDS: readonly (readonly ['configuration' | 'surroundings', string, string])[] = [
    [
      'configuration',
      "error: attribute 'x' missing\n\n       at /nix/store/a-source/flake.nix:3:1:",
      "attribute 'x' missing",
    ],
    ['configuration', 'error: unfinished\n(use --show-trace)', 'unfinished (use --show-trace)'],
    ['configuration', "error:\n       … while calling the 'throw' builtin\n\n       error: nested", 'nested'],
    [
      'configuration',
      "error: access to absolute path '/etc' is forbidden in pure eval mode",
      "access to absolute path '/etc' is forbidden in pure eval mode",
    ],
    [
      'surroundings',
      "error: unable to download 'https://a': Couldn't resolve host name (6)",
      "unable to download 'https://a': Couldn't resolve host name (6)",
    ],
    [
      'surroundings',
      "error: cannot build during evaluation because the option 'allow-import-from-derivation' is disabled",
      "cannot build during evaluation because the option 'allow-import-from-derivation' is disabled",
    ],
    ['surroundings', "error: attribute 'rev' missing", "attribute 'rev' missing"],
    ['surroundings', 'it was stopped: not a word in 600 s', 'it was stopped: not a word in 600 s'],
  ];
  test.each(WORDS)('%s: %s', (of, stderr, summary) => {
    expect(failureIn(stderr)).toMatchObject({ of, summary });
  });
});
