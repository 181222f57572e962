/** Writes vectors.json anew: after a change of the format, which a reader of the old one would not understand. */

import { writeFile } from 'node:fs/promises';
import { vectorsFile, vectorsText } from './vectors-file.ts';

await writeFile(vectorsFile, vectorsText());
