/** What every bench is given. */

export interface BenchOptions {
  rounds: number;
  /** Ends the bench after the step that runs. */
  signal: AbortSignal;
  /** Takes what people read. */
  say: (line: string) => void;
}
