/** The fake agent keeps the contract of the real one, so that what is tested against it holds. */

import { startFakeAgent } from '../fakes/fake-agent.ts';
import { agentContract } from './agent-suite.ts';

agentContract('fake agent', startFakeAgent);
