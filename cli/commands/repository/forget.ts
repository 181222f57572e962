/** `stillframe repository forget NAME`: this host accepts the next repository that stands under a name. */

import { command } from '../../command.ts';
import type { Context } from '../../context.ts';
import { stateFlag, stateOf } from '../../flags.ts';

export const repositoryForget = command({
  docs: {
    brief: 'Let this host accept another repository under a name',
    fullDescription:
      'Let this host accept another repository under a name. A host remembers which repository it had under each name of its\nfile, and refuses another one in its place; after this it takes the one that it finds at the next backup. Nothing is removed.',
  },
  parameters: {
    flags: { state: stateFlag },
    positional: {
      kind: 'tuple',
      parameters: [{ parse: (input: string) => input, placeholder: 'NAME', brief: "Name in the host's file" }],
    },
  },
  async func(this: Context, flags: { state?: string }, name: string) {
    const { openKnownRepositories } = await import('../../../repository/known.ts');
    await openKnownRepositories(stateOf(this, flags.state)).forget(name);
    this.process.stdout.write(`This host takes the repository that it finds under the name ${name} at the next backup\n`);
  },
});
