// A second thread of this very program: bin.ts sees there that it is one, and what it was given.

import type { Worker, WorkerOptions } from 'node:worker_threads';

/** Only when there is to be a thread: most runs have none, and every module of Node costs its start. */
export const threads = (): typeof import('node:worker_threads') => process.getBuiltinModule('node:worker_threads');

/** `workerData` is what it is given; `transferList` is of that. */
export function startThread(options: Pick<WorkerOptions, 'workerData' | 'transferList' | 'resourceLimits'>): Worker {
  const file = JSON.stringify(import.meta.filename);
  const program = `globalThis.reflakeThread = require('node:worker_threads'); require(${file});`;
  return new (threads().Worker)(program, { ...options, eval: true });
}
