/** How long commands may take before their agent counts as hung. Milliseconds. */

/** Answers from memory: well under a millisecond in a healthy guest, seconds in one that swaps. libvirt waits as long for its sync. */
export const quickMs = 5_000;

/** Asks the guest's kernel about each mount; a dead network mount can hold it up. */
export const slowReadMs = 10_000;

/** One ioctl for each filesystem, 3 to 21 ms measured; writers that wake up may keep the agent from the processor. */
export const thawMs = 10_000;

/** libvirt ends the channel at the same size; nothing that we ask for comes near it. */
export const maxReplyBytes = 10 * 2 ** 20;
