// Screens are compared with text files that people can read. UPDATE_SCREENS=1 writes them anew.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from '@jest/globals';

const screens = new URL('../../cases/screens/', import.meta.url);

/** `text` without a line end after its last line. Fails where it is not exactly the file `name`. */
export function expectScreen(name: string, text: string): void {
  const file = new URL(name, screens);
  if (process.env.UPDATE_SCREENS === '1') {
    mkdirSync(screens, { recursive: true });
    writeFileSync(file, `${text}\n`);
  }
  expect(`${text}\n`).toBe(readFileSync(file, 'utf8'));
}

/** Makes escape sequences of a terminal readable: ESC as `^[`, carriage return as `\r`. */
export const visible = (text: string): string => text.replaceAll('\u001b', '^[').replaceAll('\r', '\\r');
