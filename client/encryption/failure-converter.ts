/** Puts the message and the stack of a failure into a payload, which the codec encrypts; without it both are sent in clear. */

import { DefaultFailureConverter } from '@temporalio/common';

export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
