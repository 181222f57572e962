import assert from 'node:assert/strict';
import { it, suite } from 'node:test';
import { dumpSettings } from '../../../../agent/core/config/dump.ts';
import { readSettings, type Wanted } from '../../../../agent/core/config/read.ts';
import { SettingsError } from '../../../../agent/core/config/settings.ts';
import { SystemError, type Platform } from '../../../../agent/core/platform.ts';

/** Settings need the arguments, the environment and one file of a platform, and nothing else. */
function read(args: string, files: Record<string, string> = {}, environment: Record<string, string> = {}): Wanted {
  return readSettings({
    process: { args: args.split(' ').filter((word) => word !== ''), environment },
    files: {
      readText(path: string) {
        if (files[path] === undefined) throw new SystemError(2, 'No such file or directory');
        return files[path];
      },
    },
  } as unknown as Platform);
}

function dumped(...args: Parameters<typeof read>): string {
  const wanted = read(...args);
  assert.ok('settings' in wanted);
  return dumpSettings(wanted.settings);
}

suite('settings', () => {
  it('the defaults are printed as by qemu-ga', () => {
    assert.equal(
      dumped('-D'),
      `[general]
daemon=false
method=virtio-serial
path=/dev/virtio-ports/org.qemu.guest_agent.0
pidfile=/var/run/qemu-ga.pid
statedir=/var/run
verbose=false
retry-path=false
block-rpcs=
allow-rpcs=
`,
    );
  });

  it('the command line wins over the file, and lists grow', () => {
    const file =
      '# comment\n[general]\ndaemon=true\nmethod=unix-listen\npath=/file\nblock-rpcs=a,b\nunknown=1\n[other]\npath=/no\n';
    const text = dumped('-D -p /line -b c,d -b e', { '/etc/qemu/qemu-ga.conf': file });
    assert.match(text, /^daemon=true$/m);
    assert.match(text, /^path=\/line$/m);
    assert.match(text, /^block-rpcs=b,a,d,c,e$/m);
  });

  it('QGA_CONF names the file, -c names another', () => {
    const files = { '/env': '[general]\nstatedir=/env\n', '/option': '[general]\nstatedir=/option\n' };
    assert.match(dumped('-D', files, { QGA_CONF: '/env' }), /^statedir=\/env$/m);
    assert.match(dumped('-D -c /option', files, { QGA_CONF: '/env' }), /^statedir=\/option$/m);
  });

  it('a file that -c names must exist, the default file need not', () => {
    assert.throws(() => read('-c /none'), refusal(/config file \/none: No such file or directory/));
    assert.equal(read('-v').kind, 'run');
  });

  it('our own settings are printed where they were given', () => {
    assert.match(dumped('-D --freeze-only'), /^freeze-only=true$/m);
    assert.match(dumped('-D', { '/etc/qemu/qemu-ga.conf': '[general]\nfreeze-only=true\n' }), /^freeze-only=true$/m);
    assert.match(dumped('-D --also /dev/x --lease 0 -F'), /^fsfreeze-hook=\/etc\/qemu\/fsfreeze-hook$/m);
    assert.match(dumped('-D --also /dev/x --lease 0'), /also=\/dev\/x\nlease=0\n$/);
  });

  it('an option can ask for help, version, the list of commands or the settings instead of running', () => {
    assert.deepEqual(
      ['-h', '-V', '-b help', '-b ?', '-D', ''].map((line) => read(line).kind),
      ['help', 'version', 'list-commands', 'list-commands', 'dump', 'run'],
    );
  });

  for (const [line, file, said] of [
    ['-m unix-listen', '', /method unix-listen needs a path/],
    ['--lease soon', '', /--lease 'soon' is not a whole number of seconds/],
    ['', '[general]\nverbose=maybe\n', /verbose: 'maybe' is neither true nor false/],
    ['', '[general]\nnonsense\n', /line 2: 'nonsense'/],
    ['', 'path=/x\n', /line 1/],
  ] as const)
    it(`${line}${file.replaceAll('\n', ' ')} is refused by name`, () => {
      assert.throws(() => read(line, { '/etc/qemu/qemu-ga.conf': file }), refusal(said));
    });
});

function refusal(said: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof SettingsError && said.test(error.message);
}
