import assert from 'node:assert/strict';
import { it, suite } from 'node:test';
import { readOptions } from '../../../../agent/core/config/options.ts';
import { SettingsError } from '../../../../agent/core/config/settings.ts';

const read = (line: string) =>
  readOptions(line.split(' ')).map(({ name, value }) => (value === undefined ? name : `${name}=${value}`));

suite('the command line', () => {
  const cases: [line: string, options: string[]][] = [
    ['-m unix-listen -p /s -t /d', ['method=unix-listen', 'path=/s', 'statedir=/d']],
    ['-munix-listen -p/s', ['method=unix-listen', 'path=/s']],
    ['-vd', ['verbose', 'daemonize']],
    ['-vm virtio-serial', ['verbose', 'method=virtio-serial']],
    ['--path=/s --method isa-serial', ['path=/s', 'method=isa-serial']],
    ['--block x,y', ['block-rpcs=x,y']],
    ['--log /x', ['logfile=/x']],
    ['-F -v', ['fsfreeze-hook', 'verbose']],
    ['-F/etc/hook', ['fsfreeze-hook=/etc/hook']],
    // As with qemu-ga, the path of this one must be glued: a separate word is a positional argument.
    ['-F /etc/hook -v', ['fsfreeze-hook', 'verbose']],
    ['--fsfreeze-hook=/etc/hook', ['fsfreeze-hook=/etc/hook']],
    ['positional -v other', ['verbose']],
    ['-v -- -d', ['verbose']],
    ['--also /dev/x --also=/dev/y --lease 5', ['also=/dev/x', 'also=/dev/y', 'lease=5']],
  ];
  for (const [line, options] of cases)
    it(`the command line "${line}" is read as getopt_long(3) reads it`, () => assert.deepEqual(read(line), options));

  const wrong: [line: string, said: RegExp][] = [
    ['--nope', /unrecognized option '--nope'/],
    ['-x', /invalid option -- 'x'/],
    ['-p', /requires an argument -- 'p'/],
    ['--path', /'--path' requires an argument/],
    ['--verbose=1', /'--verbose' doesn't allow an argument/],
    ['--ver', /'--ver' is ambiguous; possibilities: '--verbose' '--version'/],
  ];
  for (const [line, said] of wrong)
    it(`${line} is refused by name`, () => {
      assert.throws(
        () => read(line),
        (error) => error instanceof SettingsError && said.test(error.message),
      );
    });
});
