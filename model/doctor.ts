/** What one check of `stillframe doctor` found: a line between the process that checks and the command that shows it. */

export interface Finding {
  check: string;
  result: 'ok' | 'warn' | 'fail';
  found: string;
  /** What to do; empty when all is well. */
  wayOut: string;
}
