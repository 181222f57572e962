/** The kernel's reason in an error of Node. */

/** `ENOENT`, … (errno(3)); null when no system call failed. */
export function errnoOf(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : null;
}
