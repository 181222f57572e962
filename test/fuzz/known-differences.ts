/** Why our agent may answer otherwise than a qemu-ga: a decision of ours, or a difference between its own versions. */

/** The reason, for a message and both answers; undefined when there is none. */
export function knownReason(_sent: string, ours: string, theirs: string): string | undefined {
  return reasons.find(({ holds }) => holds(ours, theirs))?.why;
}

const reasons: { why: string; holds: (ours: string, theirs: string) => boolean }[] = [
  {
    why: 'guest-exec-status names the pid that it does not know; qemu-ga has one text before 8.2 and a broken one since',
    holds: (ours, theirs) =>
      /PID -?\d+ does not exist/.test(ours) && /Invalid parameter 'pid'|PID ld does not exist/.test(theirs),
  },
];
