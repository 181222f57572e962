/** The workflows of the control worker. The guardian is not among them: it has a worker and a bundle of its own. */

export { backupGuest } from './backup-guest.ts';
export { guestCommand } from './guest-command.ts';
export { heldWindow } from './held-window.ts';
export { hostEntity } from './host-entity.ts';
