/** Converts Node's errors to the core's. */

import { errnoText } from '../../core/errno.ts';
import { SystemError } from '../../core/platform.ts';

export function systemError(errno: number): SystemError {
  return new SystemError(errno, errnoText(errno));
}

/** @throws SystemError for what the kernel refused */
export function sys<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw asSystemError(error);
  }
}

/** Node has negative error numbers. An error without one is thrown on unchanged. */
export function asSystemError(error: unknown): unknown {
  const errno = (error as NodeJS.ErrnoException).errno;
  return typeof errno === 'number' && errno < 0 ? systemError(-errno) : error;
}
