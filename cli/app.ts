/** All commands and what they share: names, version, help, how errors are printed. */

import { buildApplication, buildRouteMap, text_en, type Application } from '@stricli/core';
import { readFile } from 'node:fs/promises';
import { backupRoutes } from './commands/backup/routes.ts';
import { doctor } from './commands/doctor.ts';
import { guestRoutes } from './commands/guest/routes.ts';
import { pointRoutes } from './commands/point/routes.ts';
import { repositoryRoutes } from './commands/repository/routes.ts';
import { restore } from './commands/restore.ts';
import { thaw } from './commands/thaw.ts';
import { up } from './commands/up.ts';
import { windowRoutes } from './commands/window/routes.ts';
import { workerRoutes } from './commands/worker/routes.ts';
import type { Context } from './context.ts';
import { exitOf } from './exit.ts';
import { renderJsonStory, renderStory } from './render/story.ts';

/** `json`: errors are printed as one JSON line too. */
export function createApp({ json }: { json: boolean }): Application<Context> {
  const report = json ? renderJsonStory : renderStory;
  return buildApplication<Context>(routes, {
    name: 'stillframe',
    versionInfo: { getCurrentVersion: version },
    scanner: { caseStyle: 'allow-kebab-for-camel' },
    documentation: { disableAnsiColor: true, onlyRequiredInUsageLine: true },
    determineExitCode: exitOf,
    localization: {
      text: {
        ...text_en,
        noCommandRegisteredForInput: (given) =>
          `stillframe: ${text_en.noCommandRegisteredForInput(given)}\n"stillframe --help" lists the commands`,
        exceptionWhileParsingArguments(error, color) {
          return `stillframe: ${text_en.exceptionWhileParsingArguments.call({ formatException: String }, error, color)}\nAdd --help to see what the command takes`;
        },
        exceptionWhileRunningCommand: report,
        exceptionWhileLoadingCommandFunction: report,
        commandErrorResult: report,
      },
    },
  });
}

const routes = buildRouteMap<string, Context>({
  routes: {
    up,
    worker: workerRoutes,
    guest: guestRoutes,
    backup: backupRoutes,
    window: windowRoutes,
    point: pointRoutes,
    repository: repositoryRoutes,
    restore,
    thaw,
    doctor,
  },
  docs: {
    brief: 'Consistent backups of QEMU/KVM guests',
    fullDescription:
      'Consistent backups of QEMU/KVM guests as durable Temporal workflows.\n\nEvery command explains itself with --help, its exit statuses included.',
  },
});

async function version(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
