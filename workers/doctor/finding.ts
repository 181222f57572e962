/** The three kinds of finding. */

import type { Finding } from '../../model/doctor.ts';

export function ok(check: string, found: string): Finding {
  return { check, result: 'ok', found, wayOut: '' };
}

export function warn(check: string, found: string, wayOut: string): Finding {
  return { check, result: 'warn', found, wayOut };
}

export function fail(check: string, found: string, wayOut: string): Finding {
  return { check, result: 'fail', found, wayOut };
}
