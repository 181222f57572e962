/** The peer of an idle host: an SDK worker with the same three queues and nothing else. Arguments: address. */

import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { tcpAddress } from '../../lib/own-port.ts';

// It must not outlive the bench, however that ends.
process.once('disconnect', () => process.exit());

// Standard error is for what goes wrong; that there are no workflows here is no news.
Runtime.install({ logger: new DefaultLogger('ERROR') });

const connection = await NativeConnection.connect({ address: await tcpAddress(process.argv[2]!) });
const activities = { nothing: async () => {} };
const workers = await Promise.all(
  ['urgent', 'ops', 'copy'].map((name) =>
    Worker.create({
      connection,
      taskQueue: `bare.${name}`,
      activities,
      activityTaskPollerBehavior: { type: 'autoscaling', minimum: 1, initial: 1, maximum: 4 },
    }),
  ),
);
process.send?.('ready');
await Promise.all(workers.map((worker) => worker.run()));
