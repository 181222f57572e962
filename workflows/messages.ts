/** The messages of a contract as the SDK's handlers take them. */

import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Message } from '../model/workflows/contract.ts';

export const queryOf = <Output>({ name }: Message<void, Output>) => defineQuery<Output>(name);
export const updateOf = <Input>({ name }: Message<Input, void>) => defineUpdate<void, [Input]>(name);
export const signalOf = <Input>({ name }: Message<Input, void>) => defineSignal<[Input]>(name);
