/** Which qemu-ga we speak like, and who we are. */

/** Hosts guess from guest-info's version what a command can do: the schema that we follow is that of this release. */
export const schemaVersion = '11.1.3';

export const agentVersion = '0.1.0';
