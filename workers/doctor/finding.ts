/** What one check of `stillframe doctor` found. */

export interface Finding {
  check: string;
  result: 'ok' | 'warn' | 'fail';
  found: string;
  /** What to do; empty when all is well. */
  wayOut: string;
}

export function ok(check: string, found: string): Finding {
  return { check, result: 'ok', found, wayOut: '' };
}

export function warn(check: string, found: string, wayOut: string): Finding {
  return { check, result: 'warn', found, wayOut };
}

export function fail(check: string, found: string, wayOut: string): Finding {
  return { check, result: 'fail', found, wayOut };
}
