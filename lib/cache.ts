/** Where things are kept that take long to fetch or make: outside every checkout, safe to remove. */

import { homedir } from 'node:os';
import { join } from 'node:path';

/** An empty XDG_CACHE_HOME counts as unset (XDG Base Directory Specification). */
export const cacheDirectory = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'stillframe');
