/**
 * Activities as a worker serves them: the input is checked before anything runs, heartbeats show that the worker lives, and our errors leave as
 * failures with their code.
 */

import { activities, type ActivityName } from '../model/workflows/activities.ts';
import { checkInput } from '../model/workflows/inputs.ts';
import { mapErrors } from './failures.ts';
import { withHeartbeat } from './heartbeats.ts';

/** What the next heartbeats carry. */
export type Report = (details: unknown) => void;

type Functions<Names> = {
  [Name in keyof Names]: Name extends ActivityName ? (input: never, report: Report) => Promise<unknown> : never;
};
type Served<F extends Functions<F>> = { [Name in keyof F]: (input: Parameters<F[Name]>[0]) => ReturnType<F[Name]> };

/** An activity whose row has a heartbeat time-out sends heartbeats for as long as it runs. */
export function serve<const F extends Functions<F>>(functions: F): Served<F> {
  const served = Object.entries<(input: never, report: Report) => Promise<unknown>>(functions).map(([name, run]) => [
    name,
    (given: unknown) =>
      mapErrors(async () => {
        const input = checkInput(name as ActivityName, given) as never;
        return 'heartbeatTimeout' in activities[name as ActivityName]
          ? withHeartbeat((report) => run(input, report))
          : run(input, () => {});
      }),
  ]);
  return Object.fromEntries(served) as Served<F>;
}
