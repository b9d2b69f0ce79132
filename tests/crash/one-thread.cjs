// Preloaded by the crash tests: runs the thread that writes (cmd/writing.ts) as the first thread. strace counts calls in each
// thread, and can disturb only the first one alone; so every call is a point, and is hit exactly. All else is the program.
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
    // As for a real thread: an error that nothing handles becomes an event of the Worker.
    process.once('unhandledRejection', (thrown) => this.emit('error', thrown));
    delete require.cache[file];
    setImmediate(() => require(file));
  }
};
