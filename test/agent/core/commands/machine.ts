/** An agent on another machine: a tree of files stands for what its kernel and its owner would have put there. */

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Platform } from '../../../../agent/core/platform.ts';
import { createFiles } from '../../../../agent/platform/node/files.ts';
import { createProcessControl } from '../../../../agent/platform/node/process-control.ts';
import { createStage, type Stage } from './stage.ts';

export interface Machine extends Partial<Platform> {
  env?: Record<string, string>;
  /** Path → what the link there says. */
  links?: Record<string, string>;
}

/** `files` are all that it has. */
export function onMachine(t: TestContext, files: Record<string, string | Buffer>, machine: Machine = {}): Stage {
  const root = mkdtempSync(join(tmpdir(), 'sf-root-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const { env = {}, links = {}, ...parts } = machine;
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(root + path), { recursive: true });
    writeFileSync(root + path, content);
  }
  for (const [path, target] of Object.entries(links)) {
    mkdirSync(dirname(root + path), { recursive: true });
    symlinkSync(target, root + path);
  }
  const process = { ...createProcessControl([]), environment: env };
  return createStage(t, { files: createFiles(root), process, ...parts });
}
