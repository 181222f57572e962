/** The process of agents apart. Argument: `good` for one that answers, `hostile` for one of each way to be expensive, all of which let themselves be frozen. */

import { startFakeAgent, endless, type Behaviour } from './fake-agent.ts';

/** Nearly as much as a client reads before it has its sync. */
const floodBytes = 10 * 2 ** 20 - 65_536;

/** `begin`, and `piece` as often as it fits; what is sent never ends as JSON unless `end` says so. */
function flood(begin: string, piece: (n: number) => string, end: string): Behaviour {
  let text = begin;
  for (let n = 0; text.length < floodBytes; n++) text += piece(n);
  const bytes = Buffer.from(`${text}${end}\n`);
  return (_, send) => void send(bytes);
}

const rubbish = Buffer.alloc(floodBytes, '{"a":[0,"');

/** Within what every list may be: entries, bytes and characters. */
const filesystem = (n: number) =>
  `{"name":"sda${n}","mountpoint":"/${'m'.repeat(100)}${n}","type":"ext4","disk":[],"total-bytes":1,"used-bytes":1}`;
const largestList = `{"return":[${Array.from({ length: 4_000 }, (_, n) => filesystem(n)).join()}]}\n`;

const hostile: Record<string, Behaviour>[] = [
  { 'guest-fsfreeze-thaw': flood('{"return":[0', () => ',0', ']}') },
  { 'guest-fsfreeze-thaw': flood('{"return":[0', () => ',12345678', ']}') },
  { 'guest-fsfreeze-thaw': flood('{"return":{"k":1', (n) => `,"k${n}":1`, '}}') },
  { 'guest-fsfreeze-thaw': flood('{"return":"', () => 'A'.repeat(1024), '"}') },
  { 'guest-fsfreeze-thaw': endless },
  { 'guest-fsfreeze-thaw': flood('', () => '{}\n', '') },
  // Frozen for ever by its own word, each time behind 10 MiB that are no reply to the sync.
  {
    'guest-fsfreeze-thaw': (_, send) => void send('<html>'),
    'guest-sync-delimited': (answer, send) => void send(Buffer.concat([rubbish, answer])),
  },
  { 'guest-get-fsinfo': (_, send) => void send(largestList), 'guest-fsfreeze-thaw': flood('', () => '\xff{"return":0}', '') },
];

const behaviours = process.argv[2] === 'hostile' ? hostile : [{}];
const agents = await Promise.all(
  behaviours.map(async (each) => {
    const agent = await startFakeAgent();
    for (const [command, behaviour] of Object.entries(each)) agent.behave(command, behaviour);
    return agent;
  }),
);
process.once('disconnect', () => void Promise.all(agents.map((agent) => agent.stop())).then(() => process.exit()));
process.send!(agents.map(({ path }) => path));
