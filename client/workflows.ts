/** Workflows by their contracts: inputs, results and messages are typed in one place, so no caller writes a name or a cast. */

import type { Client, WorkflowHandle, WorkflowHandleWithFirstExecutionRunId, WorkflowStartOptions } from '@temporalio/client';
import type { Contract, Message } from '../model/workflows/contract.ts';

type Run<Args extends unknown[], Result> = (...args: Args) => Promise<Result>;
export type HandleOf<C> = C extends Contract<infer Args, infer Result, never> ? WorkflowHandle<Run<Args, Result>> : never;

export interface StartOptions {
  /** Shown by the server's web UI. */
  summary: string;
  /** Kept beside the workflow, so that a list needs no history. */
  memo?: Record<string, unknown>;
}

/** @throws WorkflowExecutionAlreadyStartedError while another run of the same id is running */
export function startWorkflow<Key, Input extends Key, Result>(
  client: Client,
  { type, queue, id }: Contract<[Input], Result, Key>,
  input: Input,
  { summary, memo }: StartOptions,
): Promise<WorkflowHandleWithFirstExecutionRunId<Run<[Input], Result>>> {
  return client.workflow.start<Run<[Input], Result>>(type, {
    taskQueue: queue,
    workflowId: id(input),
    workflowIdConflictPolicy: 'FAIL',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
    args: [input],
    staticSummary: summary,
    ...(memo && { memo }),
    // The SDK decides by a conditional type whether `args` is needed, which the compiler leaves open for a type parameter.
  } as unknown as WorkflowStartOptions<Run<[Input], Result>>);
}

export function handleOf<Args extends unknown[], Result, Key>(
  client: Client,
  { id }: Contract<Args, Result, Key>,
  key: Key,
  runId?: string,
): WorkflowHandle<Run<Args, Result>> {
  return client.workflow.getHandle<Run<Args, Result>>(id(key), runId);
}

export function ask<Output>(handle: Pick<WorkflowHandle, 'query'>, { name }: Message<void, Output>): Promise<Output> {
  return handle.query<Output>(name);
}
