/** A host as the fleet knows it: which machine it is, and which guests it has. */

import { allHandlersFinished, condition, continueAsNew, setHandler, workflowInfo } from '@temporalio/workflow';
import { hostEntity as contract, type Inventory } from '../model/workflows/host-entity.ts';
import { readMessage } from '../model/workflows/messages.ts';
import { checkedMessage, failure } from './failures.ts';
import { queryOf, updateOf } from './messages.ts';

/** An announcement is two events and its workflow task three: some two hundred announcements to a run. */
const eventsBeforeNew = 1_000;

export async function hostEntity(known: Inventory | null = null): Promise<never> {
  // Whoever may start workflows may start this one with anything: then it knows nothing until its host says something.
  let inventory = readMessage('inventory', known) === undefined ? null : known;
  setHandler(
    updateOf(contract.updates.announce),
    (next) => {
      inventory = next;
    },
    {
      validator(given) {
        const next = checkedMessage('announce', given, contract);
        if (inventory === null || inventory.machineId === next.machineId) return;
        throw failure(
          'host-id-taken',
          `host id ${next.host} belongs to the machine ${inventory.machineId}, and this is ${next.machineId}: give this host an id of its own, or terminate the workflow host/${next.host} if that machine is gone for good`,
        );
      },
    },
  );
  setHandler(queryOf(contract.queries.inventory), () => inventory);
  await condition(() => workflowInfo().historyLength > eventsBeforeNew);
  await condition(allHandlersFinished);
  return continueAsNew<typeof hostEntity>(inventory);
}
