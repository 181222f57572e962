/** How rooms of host/ say what they do: one line with its facts, wherever the process sends it. */

import type { Facts } from '../model/errors.ts';

export type Log = (level: 'info' | 'warn' | 'error', message: string, facts?: Facts) => void;
