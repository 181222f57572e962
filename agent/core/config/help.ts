/** `--help`. */

import { defaultConfigFile, defaultHook, defaultPaths, defaultSettings } from './settings.ts';

const defaults = defaultSettings();

export const helpText = `Usage: stillframe-agent [OPTION]...
Guest agent of Stillframe; takes the place of qemu-ga.

  -c, --config=PATH       config file (default $QGA_CONF or ${defaultConfigFile})
  -m, --method=METHOD     virtio-serial (default), isa-serial, unix-listen, vsock-listen
  -p, --path=PATH         device or socket (default ${defaultPaths['virtio-serial']},
                          for isa-serial ${defaultPaths['isa-serial']}); for vsock-listen CID:PORT
      --also=PATH         serve this virtio-serial port too, with the same state; may be repeated
  -l, --logfile=PATH      log here instead of standard error
  -f, --pidfile=PATH      with -d (default ${defaults.pidFile})
  -F, --fsfreeze-hook[=PATH]
                          run this program, or the programs of this directory, before a freeze and
                          after a thaw (default ${defaultHook}); glue the path: -F/path
      --lease=SECONDS     undo a freeze of a client that names no lease (default ${defaults.leaseSeconds}, 0: never)
      --freeze-only       allow only freeze, thaw and the reports about them: no guest-exec, no files
  -t, --statedir=PATH     must be on a tmpfs (default ${defaults.stateDirectory})
  -v, --verbose           log more than errors
  -V, --version           print the version and end
  -d, --daemonize         go to the background
  -b, --block-rpcs=LIST   commands to refuse, separated by commas; "help" lists all
  -a, --allow-rpcs=LIST   commands to allow, and no others
  -D, --dump-conf         print the settings in force and end
  -r, --retry-path        wait for a path that is not there
  -h, --help              print this and end
`;
