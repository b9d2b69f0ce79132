// A second thread that looks at half of a large tree while the first looks at the other half. Who does not answer is not
// waited for: then the first one looks at all of it.

import type { MessagePort } from 'node:worker_threads';
import type { AbsPath } from '../core/path.ts';
import type { Help, Packed } from '../core/tree-walk.ts';
import { runsLong } from './pace.ts';
import { startThread, threads } from './thread.ts';

/** What the thread is given. */
export interface Share {
  readonly root: AbsPath;
  readonly dirs: readonly AbsPath[];
  readonly port: MessagePort;
  /** One 32-bit number, shared: 1 when the answer is there. */
  readonly done: SharedArrayBuffer;
}

/** Help with the machine below `root`. */
export function helpAt(root: AbsPath): Help {
  return (dirs) => {
    // A new thread takes the compiled program only where V8 has the flags that it was compiled with.
    runsLong();
    const { MessageChannel, receiveMessageOnPort } = threads();
    const started = process.hrtime.bigint();
    const { port1, port2 } = new MessageChannel();
    const done = new SharedArrayBuffer(4);
    const thread = startThread({
      workerData: { root, dirs, port: port2, done } satisfies Share,
      transferList: [port2],
    });
    thread.unref();
    thread.on('error', () => {});
    return () => {
      const ours = Number(process.hrtime.bigint() - started) / 1e6;
      Atomics.wait(new Int32Array(done), 0, 0, LEAST_WAIT + ours);
      const answer = receiveMessageOnPort(port1) as { readonly message: readonly Packed[] } | undefined;
      port1.close();
      void thread.terminate();
      return answer?.message;
    };
  };
}

/** Milliseconds; and as long again as our own half took. */
const LEAST_WAIT = 500;
