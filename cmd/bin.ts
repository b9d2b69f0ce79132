// The entry of the program in each of its processes and threads: finds out which one this is, and loads its modules alone.

/** writing.ts sets this in its thread. Asking Node whether this is a thread would load node:worker_threads at each start. */
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

// Makes this file a module.
export {};
