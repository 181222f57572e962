/** A Debian package of one agent binary: it takes qemu-guest-agent's place, program, unit name and hook directory. */

import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../../lib/run.ts';
import type { Architecture } from './toolchain.ts';

export interface PackageOptions {
  /** The program, for `arch`. */
  binary: string;
  arch: Architecture;
  /** Directory for the package; it is made. */
  into: string;
}

/** Debian's names for the processors. */
const debianArch: Record<Architecture, string> = { x86_64: 'amd64', aarch64: 'arm64', riscv64: 'riscv64' };

const here = fileURLToPath(new URL('./', import.meta.url));

/** Time stamp of everything inside, so that equal files give equal packages (SOURCE_DATE_EPOCH, reproducible-builds.org): 2026-01-01. */
const epoch = '1767225600';

/** What the package installs besides its program and directories: our file, its place, its mode. */
const files = [
  ['stillframe-agent.service', 'usr/lib/systemd/system/stillframe-agent.service', 0o644],
  ['60-stillframe-agent.rules', 'usr/lib/udev/rules.d/60-stillframe-agent.rules', 0o644],
  ['deb/copyright', 'usr/share/doc/stillframe-agent/copyright', 0o644],
  ['deb/postinst', 'DEBIAN/postinst', 0o755],
  ['deb/prerm', 'DEBIAN/prerm', 0o755],
] as const;

/** Path of the package. */
export async function packageAgent({ binary, arch, into }: PackageOptions): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'sf-deb-'));
  try {
    // mkdtemp gives 0700, and the mode of the root is in the package.
    await chmod(root, 0o755);
    await place(binary, join(root, 'usr/sbin/stillframe-agent'), 0o755);
    // Units and scripts that start qemu-ga start us.
    await symlink('stillframe-agent', join(root, 'usr/sbin/qemu-ga'));
    for (const [from, to, mode] of files) await place(join(here, from), join(root, to), mode);
    await mkdir(join(root, 'etc/qemu/fsfreeze-hook.d'), { recursive: true });
    const version = await projectVersion();
    await writeFile(join(root, 'DEBIAN/control'), control(version, debianArch[arch]));
    await mkdir(into, { recursive: true });
    const path = join(into, `stillframe-agent_${version}_${debianArch[arch]}.deb`);
    await run(['dpkg-deb', '--root-owner-group', '-Zxz', '--build', root, path], {
      // xz in threads cuts its blocks by the number of processors.
      env: { ...process.env, SOURCE_DATE_EPOCH: process.env.SOURCE_DATE_EPOCH ?? epoch, DPKG_DEB_THREADS_MAX: '1' },
    });
    return path;
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function place(from: string, to: string, mode: number): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to);
  await chmod(to, mode);
}

async function projectVersion(): Promise<string> {
  const { version } = JSON.parse(await readFile(join(here, '../../package.json'), 'utf8')) as { version: string };
  return version;
}

function control(version: string, architecture: string): string {
  return `Package: stillframe-agent
Version: ${version}
Architecture: ${architecture}
Maintainer: The Stillframe authors <stillframe@localhost>
Section: admin
Priority: optional
Multi-Arch: foreign
Provides: qemu-guest-agent
Conflicts: qemu-guest-agent
Replaces: qemu-guest-agent
Description: guest agent for QEMU/KVM that always thaws
 Answers on the guest's virtio-serial port as qemu-ga does, so libvirt, Proxmox VE
 and KubeVirt use it unchanged, and takes the place of qemu-guest-agent.
 .
 A freeze ends by itself: at its lease, when the agent is stopped or killed, and
 when the host has gone. The program is static and needs no libraries.
`;
}
