// Where the program begins, in each of its processes and threads: which of them this is. None loads what another one is made of.

/** Set by writing.ts in its thread: only to ask whether this is one would load a module at each start. */
const { reflakeThread } = globalThis as { reflakeThread?: typeof import('node:worker_threads') };
if (process.argv[2] === '__look')
  void import('../core/host/border/look-server.ts').then(({ serveLooks }) => serveLooks());
else if (process.argv[2] === '__job') {
  const print = {
    out: (text: string): void => void process.stdout.write(text),
    err: (text: string): void => void process.stderr.write(text),
  };
  void import('../core/host/border/job-server.ts').then(({ serveJob }) => serveJob(print));
} else if (reflakeThread === undefined) void import('./first-thread.ts').then(({ start }) => start());
else void import('./writing-thread.ts').then(({ work }) => work(reflakeThread));

// It is a module.
export {};
