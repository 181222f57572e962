/** Sends bytes that broke an agent to a new one. */

import { Broken, converse } from './conversation.ts';
import { createRandom } from './random.ts';
import { startSandboxed, type Program } from './sandbox.ts';

/** How it broke this time; undefined when it did not. */
export async function replay(program: Program, directory: string, bytes: Buffer): Promise<string | undefined> {
  const agent = await startSandboxed(program, directory);
  try {
    const socket = await agent.connect();
    await converse(socket).send(bytes, createRandom(0));
    socket.destroy();
    return undefined;
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    return error.message.includes('closed') ? `${error.message}; ${await agent.ended}` : error.message;
  } finally {
    await agent.stop();
  }
}
