/** `npm run picture`: writes the picture of the rooms into CONTRIBUTING.md. */

import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { withPicture } from './picture.ts';

const document = fileURLToPath(new URL('../../CONTRIBUTING.md', import.meta.url));
await writeFile(document, withPicture(await readFile(document, 'utf8')));
