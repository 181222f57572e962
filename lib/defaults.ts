/** Where things are unless somebody says otherwise. */

/** The port that every Temporal client tries first. */
export const temporalPort = 7233;

export const defaults = {
  /** The host's file. */
  config: '/etc/stillframe/host.yaml',
  /** infra/systemd makes this directory (systemd.exec(5), StateDirectory=). */
  stateDir: '/var/lib/stillframe',
  address: `127.0.0.1:${temporalPort}`,
  namespace: 'default',
} as const;
