/** How long commands may take before their agent counts as hung, and how much it may answer. Milliseconds and bytes. */

/** Answers from memory: well under a millisecond in a healthy guest, seconds in one that swaps. libvirt waits as long for its sync. */
export const quickMs = 5_000;

/** Asks the guest's kernel about each mount; a dead network mount can hold it up. */
export const slowReadMs = 10_000;

/** One ioctl for each filesystem, 3 to 21 ms measured; writers that wake up may keep the agent from the processor. */
export const thawMs = 10_000;

/** A number, a word, a handle, or an error. */
export const smallReply = 4 * 2 ** 10;

/** guest-info has 100 bytes for each command; a report of a freeze has 150 for each filesystem, of which a guest has tens. */
export const reportReply = 256 * 2 ** 10;

/** One entry for each filesystem, disk, interface or processor: 400 bytes each. */
export const listReply = 2 ** 20;

/** Content of files and output of programs: libvirt ends the channel at the same size. */
export const dataReply = 10 * 2 ** 20;

/** Entries of one list. A guest with more has only itself to blame: its commands fail. */
export const mostEntries = 4_096;

/** Characters of one text: a path has at most 4,096 bytes (limits.h, PATH_MAX). */
export const longestText = 4_096;

/**
 * Tokens of one reply: ten times those of a guest with a thousand filesystems. What a peer sends is parsed in the process that holds
 * the windows of all guests (measured: 2 million tokens take 2.7 s of it, these 40 ms).
 */
export const mostTokens = 2 ** 18;
