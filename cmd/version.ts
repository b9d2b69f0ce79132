// The version of this program and the Node it needs, from its package.

import manifest from '../package.json' with { type: 'json' };

export const VERSION: string = manifest.version;

/** `>=20.19` */
export const NODE_NEEDED: string = manifest.engines.node;
