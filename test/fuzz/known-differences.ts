/** Why our agent may answer otherwise than a qemu-ga: our own decision, or a difference between its own versions. */

/** The reason, for a message and both answers; undefined when there is none. */
export function knownReason(sent: string, ours: string, theirs: string): string | undefined {
  return reasons.find(({ holds }) => holds(ours, theirs, sent))?.why;
}

const reasons: { why: string; holds: (ours: string, theirs: string, sent: string) => boolean }[] = [
  {
    why: 'of several wrong members another one is reported: qemu-ga goes by the order of its hash table',
    holds: (ours, theirs) => unnamed(ours) === unnamed(theirs),
  },
  {
    why: 'guest-exec-status names the pid that it does not know; qemu-ga has one text before 8.2 and a broken one since',
    holds: (ours, theirs) => unknownPid(unnamed(ours)) === unknownPid(unnamed(theirs)),
  },
  {
    why: 'a number beyond the range of a double is refused; qemu-ga echoes it as inf, which is not JSON',
    holds: (ours, _, sent) => /\d[eE]\+?\d{3}/.test(sent) && ours.includes('parse error'),
  },
  {
    why: 'a zero with an exponent is a number (RFC 8259); qemu-ga takes it for a number and a keyword',
    holds: (_ours, theirs, sent) => /(?<![\d.])0[eE][+-]?\d/.test(sent) && theirs.includes('parse error'),
  },
  {
    why: 'a message that is too deep is answered once; qemu-ga before 11 takes its rest for more messages',
    holds: (_ours, theirs, sent) => (sent.match(/[[{]/g)?.length ?? 0) > 1000 && theirs.includes('parse error'),
  },
];

const unnamed = (answers: string) =>
  answers
    .replaceAll(/QMP input member '.*?' (is unexpected|must be a string|must be an object)/gs, 'QMP input member is wrong')
    .replaceAll(/Parameter '.*?' is unexpected/gs, 'Parameter is unexpected');

const unknownPid = (answers: string) =>
  answers.replaceAll(/PID (-?\d+|ld) does not exist|Invalid parameter 'pid'/g, 'no such pid');
