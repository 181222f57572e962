/** The agent under Node, for development: `node agent/platform/node/main.ts -m unix-listen -p DIR/sock -t DIR`. */

import { runAgent } from '../../core/main.ts';
import { createNodePlatform } from './platform.ts';

runAgent(createNodePlatform(process.argv.slice(2)));
