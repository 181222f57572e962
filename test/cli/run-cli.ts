/** Runs the command line as a person does, in a process of its own; or, where no process is wanted, with a context of its own. */

import { run } from '@stricli/core';
import { fileURLToPath } from 'node:url';
import { createApp } from '../../cli/app.ts';
import type { Context } from '../../cli/context.ts';
import { exitOfFramework } from '../../cli/exit.ts';
import { runToEnd } from '../../lib/run.ts';

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

/** Settings of whoever runs the tests are no part of them. */
const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(STILLFRAME|TEMPORAL)_/.test(name)));

export async function runCli(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const { status, stdout, stderr } = await runToEnd([process.execPath, main, ...args], { env: { ...inherited, ...env } });
  return { status, stdout, stderr };
}

/** The same without a process, for what needs none: half a second less on a busy machine. */
export async function runHere(args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' };
  const context: Context = {
    process: {
      stdout: { write: (text) => void (said.stdout += text) },
      stderr: { write: (text) => void (said.stderr += text) },
      env: {},
    },
    isTTY: false,
    columns: 80,
    interrupt: () => new AbortController().signal,
  };
  await run(createApp({ json: false }), args, context);
  return { status: exitOfFramework(context.process.exitCode), ...said };
}
