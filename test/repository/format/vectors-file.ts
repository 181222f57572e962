/** vectors.json, which other readers of the format are tried with. */

import { fileURLToPath } from 'node:url';
import { makeVector } from './vectors.ts';

export const vectorsFile = fileURLToPath(new URL('vectors.json', import.meta.url));

export function vectorsText(): string {
  return `${JSON.stringify({ encrypted: makeVector('encrypted'), plain: makeVector('plain') }, null, 2)}\n`;
}
