/** Where things are unless a flag, a variable or a file says otherwise. */

/** The usual port of a Temporal server. */
export const temporalPort = 7233;

/** In the state directory while `stillframe up` runs a server. */
export const serverSocket = 'temporal.sock';

export const defaults = {
  /** The host's file. */
  config: '/etc/stillframe/host.yaml',
  /** infra/systemd makes this directory (systemd.exec(5), StateDirectory=). */
  stateDir: '/var/lib/stillframe',
  namespace: 'default',
} as const;
