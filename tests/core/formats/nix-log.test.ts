// Nix's log as data, by lines that 2.8, 2.26 and 2.34 wrote (the same is compared with the Nixes themselves in tests/nix/log.ts).

import { describe, expect, test } from '@jest/globals';
import { listener, nixLog } from '../../../core/formats/nix-log.ts';

const line = (value: object): string => `@nix ${JSON.stringify(value)}`;
const URL = 'http://127.0.0.1:18231/big.tar.gz';
const DRV = '/nix/store/la8cvbhrf3hv95snrp6qswg5iackkf7x-nixos-system-nixos-26.05.drv';
const start = (id: number, type: number, text: string, fields: readonly unknown[] = [], level = 4): string =>
  line({ action: 'start', fields, id, level, parent: 0, text, type });
const progress = (id: number, ...fields: readonly number[]): string =>
  line({ action: 'result', fields, id, type: 105 });
const stop = (id: number): string => line({ action: 'stop', id });
const says = (text: string, id = 7): string => line({ action: 'result', fields: [text], id, type: 101 });
const error = (msg: string): string => line({ action: 'msg', level: 0, msg, raw_msg: msg });

const doneBy = (...lines: readonly string[]): ReturnType<ReturnType<typeof nixLog>['doing']> => {
  const log = nixLog();
  for (const one of lines) log.read(one);
  return log.doing();
};

describe('what Nix is doing', () => {
  const unpacking = start(1, 0, `unpacking '${URL}' into the Git cache`, [], 3);
  const downloading = start(2, 101, `downloading '${URL}'`, [URL]);

  test('the youngest step, with the bytes of all downloads so far', () => {
    expect(doneBy(unpacking)).toEqual({ what: `unpacking '${URL}' into the Git cache` });
    const what = `downloading '${URL}'`;
    expect(doneBy(unpacking, downloading)).toEqual({ what, bytes: { done: 0 } });
    expect(doneBy(unpacking, downloading, progress(2, 5, 0, 0, 0))).toEqual({ what, bytes: { done: 5 } });
    expect(doneBy(unpacking, downloading, progress(2, 5, 20, 0, 0))).toEqual({ what, bytes: { done: 5, of: 20 } });
    expect(doneBy(unpacking, downloading, progress(2, 20, 20, 0, 0), stop(2))).toEqual(doneBy(unpacking));
    const second = [start(3, 101, 'downloading the second'), progress(3, 1, 10, 0, 0)];
    expect(doneBy(downloading, progress(2, 20, 20, 0, 0), stop(2), ...second)).toEqual({
      what: 'downloading the second',
      bytes: { done: 21, of: 30 },
    });
  });

  test('a build, by its name, and how many are done', () => {
    const counts = [start(4, 102, '', [], 0), start(5, 104, '', [], 0), start(6, 103, '', [], 0)];
    const building = start(7, 105, `building '${DRV}'`, [DRV, '', 1, 1], 3);
    expect(doneBy(...counts, progress(5, 12, 31, 1, 0), progress(6, 0, 0, 0, 0), building)).toEqual({
      what: "building 'nixos-system-nixos-26.05'",
      parts: { done: 12, of: 31 },
    });
  });

  test('steps of single files are not told, nor is anything that is no log', () => {
    expect(doneBy(start(1, 0, 'querying info about missing paths', [], 6))).toBeUndefined();
    expect(doneBy('', '@nix', '@nix {', '@nix 7', '@nix null', 'error: plain')).toBeUndefined();
    const odd = ['start', 'stop', 'result', 'msg', 'x'].map((action) => line({ action, id: 'x', fields: {}, msg: 7 }));
    expect(doneBy(...odd)).toBeUndefined();
    expect(doneBy(start(1, 101, 'x'), progress(1, -1, Number.NaN))).toEqual({ what: 'x', bytes: { done: 0 } });
  });

  test('a process that begins without end takes no more memory for it', () => {
    const many = Array.from({ length: 10_000 }, (_, id) => start(id, 105, `building ${id}`, [`${DRV}${id}`]));
    expect(doneBy(...many)).toEqual({ what: 'building 4095' });
  });

  test('a listener hears it after each line, and once that there is no more', () => {
    const heard: unknown[] = [];
    const listen = listener((doing) => heard.push(doing?.bytes?.done));
    for (const one of ['', downloading, progress(2, 5, 0), progress(2, 9, 0), stop(2), says('x'), '']) listen(one);
    expect(heard).toEqual([0, 5, 9, undefined]);
  });
});

describe('what Nix says', () => {
  test('messages without colours; lines that are no log as they are', () => {
    const { read } = nixLog();
    expect(read(line({ action: 'msg', level: 1, msg: '\u001b[35;1mwarning:\u001b[0m dirty' }))).toBe('warning: dirty');
    expect(read(error('\u001b[31;1merror:\u001b[0m\n       \u2026 while'))).toBe('error:\n       \u2026 while');
    expect(read("error: unrecognised flag '--x'")).toBe("error: unrecognised flag '--x'");
    expect(read(start(1, 0, 'copying'))).toBeUndefined();
  });

  test('the error of a build has its last lines, which Nix leaves out of this format', () => {
    const failed = `error: builder for '${DRV}' failed with exit code 1`;
    const { read } = nixLog();
    read(start(7, 105, `building '${DRV}'`, [DRV, '', 1, 1], 3));
    for (let at = 1; at <= 30; at++) read(says(`line ${at}`));
    const lines = Array.from({ length: 10 }, (_, at) => `       > line ${at + 21}`);
    expect(read(error(failed))).toBe([failed, '       last log lines:', ...lines].join('\n'));
    read(stop(7));
    // A daemon has put them in already.
    expect(read(error(`${failed};\n > line 30`))).toBe(`${failed};\n > line 30`);
    expect(read(error('error: another'))).toBe('error: another');
  });
});
