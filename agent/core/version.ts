/** The qemu-ga release whose schema we follow, and our own version. */

/** Hosts derive from guest-info's version what a command can do: the schema that we follow is that of this release. */
export const schemaVersion = '11.1.3';

export const agentVersion = '0.1.0';
