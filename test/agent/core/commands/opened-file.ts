/** A file that is open in an agent, to read it, write it and move in it. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileOpen } from '../../../../protocol/agent/commands/guest-file-open.ts';
import { fileRead } from '../../../../protocol/agent/commands/guest-file-read.ts';
import { createStage, type Stage } from './stage.ts';

export const base64 = (text: string) => Buffer.from(text).toString('base64');

export async function opened(t: TestContext, content: string, mode = 'r') {
  const stage = createStage(t);
  const path = join(stage.directory, 'file');
  writeFileSync(path, content);
  return { stage, path, handle: await stage.ask(fileOpen, { path, mode }) };
}

export async function read(stage: Stage, handle: number, count: number) {
  const { base64: text, ...rest } = await stage.ask(fileRead, { handle, count });
  return { text: Buffer.from(text, 'base64').toString(), ...rest };
}
