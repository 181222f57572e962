/** Signals by their names; the same numbers on every architecture that we build for (asm-generic/signal.h). */

export const SIGINT = 2;
export const SIGKILL = 9;
export const SIGTERM = 15;
export const SIGCHLD = 17;
