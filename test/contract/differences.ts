/** Where our agent answers otherwise than Debian's qemu-ga 7.2.22, and why; docs/110-agent-differences.md lists the same. */

export interface Difference {
  /** Name of the vector. */
  of: string;
  /** The lines that differ, [ours, stock]; an empty one stands for none. */
  lines: [ours: string, stock: string][];
  why: string;
}

const generic = (desc: string) => `{"error":{"class":"GenericError","desc":"${desc}"}}`;
const onlyBoolean = generic("Invalid parameter type for 'capture-output', expected: boolean");
const unknownPid = generic("Invalid parameter 'pid'");

const newerCapture = 'captures by name came with 8.0; 7.2 takes true and false only';
const newerFailure = 'the text of 9.1 and later; before, it was wrapped in another sentence';
const realPid = 'before 8.2 the text had no pid, and since then it has "ld" in its place: our agent names the pid';

export const differences: Difference[] = [
  {
    of: 'A43 an id too deep',
    lines: [['', 'parse errors: 1025']],
    why: 'answered once, as 11.1 does; 7.2 takes what is left of the message for messages',
  },
  {
    of: 'A44 an id of 9 MiB',
    lines: [['{"error": {"class": "GenericError", "desc": "JSON token size limit exceeded"}}', 'an answer of 9437208 bytes']],
    why: 'a request may have 8 MiB, twice what libvirt can carry; qemu-ga takes 64 MiB, and keeps 200 MB of memory from then on',
  },
  {
    of: 'A45 half a request each by two clients',
    lines: [
      ['parse errors: 1', '{"return": 7}'],
      ['{"error": {"class": "GenericError", "desc": "QMP input must be a JSON object"}}', ''],
      ['parse errors: 2', ''],
    ],
    why: 'half a request is dropped once the guest has seen its client leave; qemu-ga completes it with the bytes of the next',
  },
  {
    of: 'write base64 without its tail',
    lines: [
      [generic('Base64 data is incomplete: its last group has fewer than four characters'), '{"return":{"count":3,"eof":false}}'],
    ],
    why: 'what was cut off is refused; qemu-ga drops the last group and reports success',
  },
  { of: 'exec without capture', lines: [[generic('PID N does not exist'), unknownPid]], why: realPid },
  { of: 'exec-status of an unknown pid', lines: [[generic('PID 0 does not exist'), unknownPid]], why: realPid },
  { of: 'exec of what is not there', lines: [notExecuted('/bin/no-such', 'No such file or directory')], why: newerFailure },
  { of: 'exec of a directory', lines: [notExecuted('/run', 'Permission denied')], why: newerFailure },
  {
    of: 'exec captured separately',
    lines: [
      ['{"return":{"pid":"number"}}', onlyBoolean],
      [
        '{"return":{"err-data":"ZXJy","err-truncated":false,"exitcode":0,"exited":true,"out-data":"b3V0","out-truncated":false}}',
        unknownPid,
      ],
    ],
    why: newerCapture,
  },
  {
    of: 'exec captured as one',
    lines: [
      ['{"return":{"pid":"number"}}', onlyBoolean],
      ['{"return":{"exitcode":0,"exited":true,"out-data":"b3V0ZXJy","out-truncated":false}}', unknownPid],
    ],
    why: newerCapture,
  },
  {
    of: 'exec with a capture that there is not',
    lines: [[generic("Parameter 'capture-output' does not accept value 'all'"), onlyBoolean]],
    why: newerCapture,
  },
  {
    of: 'set-time far from now',
    lines: [[generic('Invalid time'), generic('this feature or command is not currently supported')]],
    why: 'the argument is checked first; 7.2 first looks for /sbin/hwclock, which this guest does not have',
  },
  {
    of: 'freeze-list of one, with a slash behind it',
    lines: [
      ['{"return":1}', '{"return":0}'],
      ['{"return":1}', '{"return":0}'],
    ],
    why: 'a place is found however it is written; qemu-ga compares strings, freezes nothing and reports success',
  },
  {
    of: 'freeze, what is refused meanwhile, thaw',
    lines: ['guest-fsfreeze-freeze', 'guest-get-fsinfo', 'guest-file-open'].map((name) => [
      disabled(name, 'the command is not allowed'),
      disabled(name, 'the agent is in frozen state'),
    ]),
    why: 'the text of 9.1 and later',
  },
  {
    of: 'guest-get-fsinfo',
    lines: [[filesystems('"total-bytes":"number","total-bytes-privileged":"number"'), filesystems('"total-bytes":"number"')]],
    why: 'total-bytes-privileged came with 9.1',
  },
];

/** What guest-info of only one of the two lists. */
export const commandsOfOne = {
  ours: ['__org.stillframe_freeze', '__org.stillframe_status', '__org.stillframe_thaw', 'guest-get-load'],
  stock: [
    'guest-get-cpustats',
    'guest-get-devices',
    'guest-get-diskstats',
    'guest-set-memory-blocks',
    'guest-set-user-password',
    'guest-set-vcpus',
    'guest-ssh-add-authorized-keys',
    'guest-ssh-get-authorized-keys',
    'guest-ssh-remove-authorized-keys',
    'guest-suspend-disk',
    'guest-suspend-hybrid',
    'guest-suspend-ram',
  ],
};

function disabled(name: string, why: string): string {
  return `{"error":{"class":"CommandNotFound","desc":"Command ${name} has been disabled: ${why}"}}`;
}

function notExecuted(program: string, why: string): [string, string] {
  const text = `Failed to execute child process “${program}” (${why})`;
  return [generic(text), generic(`Guest agent command failed, error was '${text}'`)];
}

function filesystems(sizes: string): string {
  const entry = (name: string, mountPoint: string, type: string, slot: number) =>
    `{"disk":[{"bus":0,"bus-type":"virtio","dev":"/dev/${name}","pci-controller":{"bus":0,"domain":0,"function":0,"slot":${slot}},` +
    `"target":0,"unit":0}],"mountpoint":"${mountPoint}","name":"${name}",${sizes},"type":"${type}","used-bytes":"number"}`;
  return `{"return":[${entry('vdb', '/data/disk1', 'xfs', 2)},${entry('vda', '/data/disk0', 'ext4', 1)}]}`;
}
