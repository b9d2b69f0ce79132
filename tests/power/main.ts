// The program behind the groups of power cuts. Runs in a mount namespace of its own (groups.ts starts it so): whatever it
// mounts is gone with it, also when it is killed. Arguments: the group, `all` or `sample`, dist/reflake.cjs, a directory to
// work in. Prints lines of progress, and the outcome as JSON in the last one.

import { replayGroup } from './replay-group.ts';

const [group = '', extent = '', program = '', work = ''] = process.argv.slice(2);
const place = { program, work };

const outcome = await replayGroup(group, extent === 'all', place);
console.log(JSON.stringify(outcome));
