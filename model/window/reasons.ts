/** Why a restore point is worth what it is: every reason by its code, with what it does to the grade. */

/**
 * `lowers`: the point is at most `crash-atomic`. `not-application`: it is at most `filesystem`. `named`: people should know it, and it
 * changes no grade.
 */
export type ReasonEffect = 'lowers' | 'not-application' | 'named';

/** `facts` is what follows the code, in order. Facts can be text of the guest: escape them where they are shown. */
export const reasonCodes = {
  'mount-not-frozen': { effect: 'lowers', facts: ['mount point'] },
  'mount-frozen-by-other': { effect: 'lowers', facts: ['mount point'] },
  'mounts-not-frozen': { effect: 'lowers', facts: ['missing of all'] },
  'freeze-not-held': { effect: 'lowers', facts: [] },
  'epoch-changed': { effect: 'lowers', facts: [] },
  'lease-expired': { effect: 'lowers', facts: [] },
  'guest-event': { effect: 'lowers', facts: [] },
  'guest-restarted': { effect: 'lowers', facts: [] },
  'thaw-found': { effect: 'lowers', facts: ['thawed of frozen'] },
  'thaw-unanswered': { effect: 'lowers', facts: [] },
  'disk-not-clean': { effect: 'lowers', facts: ['disk', 'filesystem'] },
  'hook-failed': { effect: 'not-application', facts: ['hook'] },
  'thaw-hook-failed': { effect: 'not-application', facts: ['hook'] },
  'thaw-hooks-unanswered': { effect: 'not-application', facts: [] },
  'hooks-cut': { effect: 'not-application', facts: ['listed of all'] },
  'filesystems-cut': { effect: 'named', facts: ['listed of all'] },
  'reasons-cut': { effect: 'named', facts: ['listed of all'] },
  'not-freezable': { effect: 'named', facts: ['mount point', 'filesystem'] },
  'not-captured': { effect: 'named', facts: ['mount point', 'device'] },
  'not-told': { effect: 'named', facts: ['mount point', 'device'] },
  'not-inspected': { effect: 'named', facts: ['disk', 'filesystem'] },
} as const satisfies Record<string, { effect: ReasonEffect; facts: readonly string[] }>;

export type ReasonCode = keyof typeof reasonCodes;

/** A code and its facts as journals, histories and manifests hold them and as people see them: `mount-not-frozen /data`. */
export type Reason = ReasonCode | `${ReasonCode} ${string}`;

type TextEach<Names extends readonly string[]> = { [Index in keyof Names]: string };

export function reason<Code extends ReasonCode>(code: Code, ...facts: TextEach<(typeof reasonCodes)[Code]['facts']>): Reason {
  return facts.length === 0 ? code : `${code} ${facts.join(' ')}`;
}

/** Of a code that this version does not know, `lowers`: a point never claims more than is known. */
export function effectOf(text: Reason): ReasonEffect {
  const code = text.split(' ', 1)[0]!;
  return Object.hasOwn(reasonCodes, code) ? reasonCodes[code as ReasonCode].effect : 'lowers';
}

/** In the order of what they do to the grade, the gravest first; equal ones stay in their order. */
export function byEffect(reasons: readonly Reason[]): Reason[] {
  const gravity = ['lowers', 'not-application', 'named'];
  return reasons.toSorted((one, other) => gravity.indexOf(effectOf(one)) - gravity.indexOf(effectOf(other)));
}
