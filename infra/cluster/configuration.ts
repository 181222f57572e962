/** The configuration file of one process of the cluster: PostgreSQL, mutual TLS on every door, and ports of its own. */

import type { Certificate } from './certificates.ts';
import type { Postgres } from './postgres.ts';

export interface Doors {
  /** Signs the certificates of the cluster's own processes; its own certificate is trusted by all of them. */
  internodeAuthority: Certificate;
  internode: Certificate;
  /** Signs the certificates of clients, and that of the frontends, which clients check. */
  clientAuthority: Certificate;
  frontend: Certificate;
}

export interface Ports {
  rpc: number;
  membership: number;
}

export const services = ['frontend', 'history', 'matching', 'worker'] as const;

/** What clients expect in the frontends' certificate, whatever address they reach them by. */
export const serverName = 'temporal.internal';

/** What the cluster's own processes expect in each other's certificate. */
export const internodeName = 'internode.internal';

/** Can never be changed for a cluster: 512 for a real fleet, few for one machine. */
const historyShards = 16;

/** JSON is YAML, so nothing needs quoting by hand. */
export function configuration({
  postgres,
  doors,
  ports,
  dynamic,
}: {
  postgres: Postgres;
  doors: Doors;
  ports: Record<(typeof services)[number], Ports>;
  /** Path of the file with the dynamic configuration. */
  dynamic: string;
}): string {
  const store = (databaseName: string) => ({
    sql: {
      pluginName: 'postgres12_pgx',
      databaseName,
      connectAddr: `127.0.0.1:${postgres.port}`,
      connectProtocol: 'tcp',
      user: postgres.user,
      password: postgres.password,
      maxConns: 20,
      maxIdleConns: 20,
      maxConnLifetime: '1h',
    },
  });
  const { internodeAuthority, internode, clientAuthority, frontend } = doors;
  const rpc = ({ rpc: grpcPort, membership: membershipPort }: Ports) => ({
    rpc: { grpcPort, membershipPort, bindOnLocalHost: true },
  });
  return JSON.stringify(
    {
      log: { stdout: true, level: 'warn' },
      persistence: {
        defaultStore: 'main',
        visibilityStore: 'visibility',
        numHistoryShards: historyShards,
        datastores: { main: store('temporal'), visibility: store('temporal_visibility') },
      },
      global: {
        membership: { maxJoinDuration: '30s', broadcastAddress: '127.0.0.1' },
        tls: {
          // Files are read again, so certificates are replaced without a restart.
          refreshInterval: '10s',
          expirationChecks: { warningWindow: '72h', errorWindow: '24h', checkInterval: '1h' },
          internode: {
            server: {
              certFile: internode.cert,
              keyFile: internode.key,
              requireClientAuth: true,
              clientCaFiles: [internodeAuthority.cert],
            },
            client: { serverName: internodeName, rootCaFiles: [internodeAuthority.cert] },
          },
          frontend: {
            // The cluster's own worker calls the frontend too, by its internode certificate.
            server: {
              certFile: frontend.cert,
              keyFile: frontend.key,
              requireClientAuth: true,
              clientCaFiles: [clientAuthority.cert, internodeAuthority.cert],
            },
            client: { serverName, rootCaFiles: [clientAuthority.cert] },
          },
        },
      },
      services: Object.fromEntries(services.map((service) => [service, rpc(ports[service])])),
      clusterMetadata: {
        enableGlobalNamespace: false,
        failoverVersionIncrement: 10,
        masterClusterName: 'active',
        currentClusterName: 'active',
        clusterInformation: {
          active: {
            enabled: true,
            initialFailoverVersion: 1,
            rpcName: 'frontend',
            rpcAddress: `127.0.0.1:${ports.frontend.rpc}`,
          },
        },
      },
      dcRedirectionPolicy: { policy: 'noop' },
      dynamicConfigClient: { filepath: dynamic, pollInterval: '10s' },
    },
    null,
    2,
  );
}
