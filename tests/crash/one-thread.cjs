// Preloaded by the crash tests: lets the thread that writes (cmd/writing.ts) be the first one. strace counts calls in each
// thread, and only the first can be disturbed alone; so every call is a point, and is hit exactly. All else is the program.
'use strict';
const { EventEmitter } = require('node:events');
const threads = require('node:worker_threads');

threads.Worker = class extends EventEmitter {
  constructor(script, { workerData }) {
    super();
    const parentPort = new EventEmitter();
    parentPort.postMessage = (said) => setImmediate(() => this.emit('message', said));
    this.postMessage = (said) => setImmediate(() => parentPort.emit('message', said));
    const file = JSON.parse(/require\((".*")\);$/.exec(script)[1]);
    globalThis.reflakeThread = { workerData, parentPort };
    // As of a thread: what nobody there handles is told to who has started it.
    process.once('unhandledRejection', (thrown) => this.emit('error', thrown));
    delete require.cache[file];
    setImmediate(() => require(file));
  }
};
