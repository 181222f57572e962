/** The files of the guest, as a host reads and writes them; read when the first of them is asked for. */

export { fileClose } from './guest-file-close.ts';
export { fileFlush } from './guest-file-flush.ts';
export { fileOpen } from './guest-file-open.ts';
export { fileRead } from './guest-file-read.ts';
export { fileSeek } from './guest-file-seek.ts';
export { fileWrite } from './guest-file-write.ts';
