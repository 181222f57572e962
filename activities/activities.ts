/** Activities as a worker serves them: the input is checked before anything runs, and our errors leave as failures with their code. */

import type { ActivityName } from '../model/workflows/activities.ts';
import { mapErrors } from './failures.ts';
import { checkInput } from '../model/workflows/inputs.ts';

type Functions<Names> = { [Name in keyof Names]: Name extends ActivityName ? (input: never) => Promise<unknown> : never };

export function serve<const F extends Functions<F>>(functions: F): F {
  const served = Object.entries<(input: never) => Promise<unknown>>(functions).map(([name, run]) => [
    name,
    (input: unknown) => mapErrors(async () => run(checkInput(name as ActivityName, input) as never)),
  ]);
  return Object.fromEntries(served) as F;
}
