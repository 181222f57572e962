/** What a command is given: streams, environment and terminal, so that tests give their own. */

import type { CommandContext } from '@stricli/core';

export interface Context extends CommandContext {
  readonly process: {
    readonly stdout: { write(text: string): void };
    readonly stderr: { write(text: string): void };
    readonly env: Readonly<Partial<Record<string, string>>>;
    /** A command sets it when it ends without an error and yet not with 0. */
    exitCode?: number;
  };
  /** Whether stdout is a terminal: only then is anything redrawn or cut. */
  readonly isTTY: boolean;
  readonly columns: number;
  /** From the first call on, Ctrl-C aborts this signal once instead of ending the process. */
  interrupt(): AbortSignal;
}
