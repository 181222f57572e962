/** Questions that an agent may refuse. */

import { isStillframeError } from '../../model/errors.ts';

/** What the agent replied; null when it refused the command, as a frozen or an old agent does. */
export async function allowRefusal<T>(reply: Promise<T>): Promise<T | null> {
  try {
    return await reply;
  } catch (error) {
    if (isStillframeError(error, 'agent-refused')) return null;
    throw error;
  }
}
