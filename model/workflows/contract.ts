/** What the callers of a workflow, its code and its tests must agree on, in one object that carries the types. */

/** A query, update or signal by its name on the wire. `types` is never set: only the compiler reads it. */
export interface Message<Input, Output> {
  readonly name: string;
  readonly types?: (input: Input) => Output;
}

export interface Contract<Args extends unknown[], Result, Key> {
  /** Workflow type on the server. */
  readonly type: string;
  /** Task queue on which it is started. */
  readonly queue: string;
  /** Workflow id. Ids double as locks: the server runs one workflow of an id at a time. */
  readonly id: (key: Key) => string;
  readonly types?: (...args: Args) => Promise<Result>;
}

/** The function type of a contract's workflow, as the SDK's generics take it. */
export type WorkflowOf<C> = C extends Contract<infer Args, infer Result, never> ? (...args: Args) => Promise<Result> : never;

/** `contract<[Input], Result>()({ type, queue, id, queries, updates, signals })` */
export function contract<Args extends unknown[], Result>() {
  return <Key, Messages extends object>(
    definition: Pick<Contract<Args, Result, Key>, 'type' | 'queue' | 'id'> & Messages,
  ): Contract<Args, Result, Key> & Messages => definition;
}

/** A query; `Output` is its answer. */
export const query = <Output>(name: string): Message<void, Output> => ({ name });
/** An update or a signal that takes `Input`. */
export const message = <Input>(name: string): Message<Input, void> => ({ name });
