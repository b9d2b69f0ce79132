// What is not there is asked for once in a plan: with the eyes of another user, each question is a message to a process.

import { expect, test } from '@jest/globals';
import { absolute } from '../../../core/path.ts';
import { recording } from '../../../core/plan/read-set.ts';
import { memoryScene } from '../../support/faults.ts';

test('a file that is not there is read once, and so is one that is there', () => {
  const { host } = memoryScene({ '/a': 'x' }).open();
  const asked: string[] = [];
  const { reader } = recording({
    ...host,
    read(path, most) {
      asked.push(path);
      return host.read(path, most);
    },
  });
  for (let round = 0; round < 3; round++)
    for (const path of ['/a', '/none', '/none/below']) reader.read(absolute(path));
  expect(asked).toEqual(['/a', '/none', '/none/below']);
});
