/** Reads and writes of the guest's files; loaded when the first of them is called. */

export { fileClose } from './guest-file-close.ts';
export { fileFlush } from './guest-file-flush.ts';
export { fileOpen } from './guest-file-open.ts';
export { fileRead } from './guest-file-read.ts';
export { fileSeek } from './guest-file-seek.ts';
export { fileWrite } from './guest-file-write.ts';
