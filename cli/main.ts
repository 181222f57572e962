/** The command line's entry: this process as a context, and its exit status set once at the end. */

import { run } from '@stricli/core';
import { createApp } from './app.ts';
import type { Context } from './context.ts';
import { exit, exitOfFramework } from './exit.ts';
import { beginProcess } from '../lib/begin-process.ts';

beginProcess();

const inputs = process.argv.slice(2);
// A reader that stops early (head, less) is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? exit.ok : exit.error));

const context: Context = {
  process: {
    stdout: { write: (text) => void process.stdout.write(text) },
    stderr: { write: (text) => void process.stderr.write(text) },
    env: process.env,
  },
  isTTY: process.stdout.isTTY === true,
  columns: process.stdout.columns ?? 80,
  interrupt() {
    const interrupted = new AbortController();
    process.once('SIGINT', () => interrupted.abort(new Error('interrupted')));
    return interrupted.signal;
  },
};
await run(createApp({ json: inputs.includes('--json') }), inputs, context);
process.exitCode = exitOfFramework(context.process.exitCode);
