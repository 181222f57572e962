#!/usr/bin/env node
// The `stillframe` command: the command line's own entry, on the pinned Node.

import { launch } from '../infra/bootstrap.mjs';

launch('cli/main.ts', process.argv.slice(2));
