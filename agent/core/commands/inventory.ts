/** What a host queries about the guest; loaded when the first of them is called. */

export { getDisks } from './guest-get-disks.ts';
export { getFsinfo } from './guest-get-fsinfo.ts';
export { getHostName } from './guest-get-host-name.ts';
export { getLoad } from './guest-get-load.ts';
export { getMemoryBlockInfo } from './guest-get-memory-block-info.ts';
export { getMemoryBlocks } from './guest-get-memory-blocks.ts';
export { getOsinfo } from './guest-get-osinfo.ts';
export { getTimezone } from './guest-get-timezone.ts';
export { getUsers } from './guest-get-users.ts';
export { getVcpus } from './guest-get-vcpus.ts';
export { networkGetInterfaces } from './guest-network-get-interfaces.ts';
