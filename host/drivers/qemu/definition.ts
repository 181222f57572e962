/** What a guest's QEMU is, for a restore point: asked for before its point in time, while no job of ours stands in the way. */

import { isStillframeError, messageOf, StillframeError } from '../../../model/errors.ts';
import {
  definitionCheck,
  mostDefinitionBytes,
  type DefinedDisk,
  type DefinedFlash,
  type GuestDefinition,
} from '../../../model/guest/definition.ts';
import { withoutSecrets } from '../../../model/guest/secrets.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../protocol/json.ts';
import type { Monitor } from '../../channel/types.ts';
import type { DefinitionOfGuest } from '../driver.ts';
import { objects, queryUuid } from './identify.ts';
import { commandLineOf, processAt, readOpenFile } from './process.ts';

/** OVMF's variables have 128 KiB to 4 MiB; AAVMF pads its flash to 64 MiB. */
const mostNvramBytes = 64 * 2 ** 20;

/** Real machines have some dozens; each costs a question or two. */
const mostDevices = 512;

/** @throws monitor-* ; monitor-garbled when QEMU's answers have another shape than its schema gives them */
export async function queryDefinition(monitor: Monitor, socket: string): Promise<DefinitionOfGuest> {
  const pid = await processAt(socket).catch(() => null);
  const commandLine = pid === null ? null : await commandLineOf(pid);
  const asked = await ask(monitor).catch((error: unknown) => {
    throw isStillframeError(error) ? error : unusable(messageOf(error));
  });
  const definition = bounded({ ...asked, commandLine: commandLine && withoutSecrets(commandLine) });
  const { nvram } = definition.firmware;
  return { definition, nvram: nvram && pid !== null ? await readOpenFile(pid, nvram.file, mostNvramBytes) : null };
}

/** A hostile QEMU can answer anything. */
function bounded(found: GuestDefinition): GuestDefinition {
  let definition: GuestDefinition;
  try {
    definition = definitionCheck(JSON.parse(JSON.stringify(found)), '');
  } catch (error) {
    throw unusable(messageOf(error));
  }
  if (Buffer.byteLength(JSON.stringify(definition)) <= mostDefinitionBytes) return definition;
  const shorter = { ...definition, commandLine: null };
  if (Buffer.byteLength(JSON.stringify(shorter)) <= mostDefinitionBytes) return shorter;
  throw unusable(`it has more than ${mostDefinitionBytes} bytes`);
}

function unusable(why: string): StillframeError {
  return new StillframeError(
    'monitor-garbled',
    `what QEMU says of the guest's machine cannot be used: ${why}; look at its monitor`,
  );
}

async function ask(monitor: Monitor): Promise<Omit<GuestDefinition, 'commandLine'>> {
  const value = async (command: string) => (await monitor.execute(command)) as JsonObject;
  const property = async (path: string, name: string): Promise<Json> => {
    try {
      return await monitor.execute('qom-get', { path, property: name });
    } catch (error) {
      // Not every object has every property.
      if (isStillframeError(error, 'monitor-refused')) return null;
      throw error;
    }
  };
  const { major, minor, micro } = (await value('query-version')).qemu as JsonObject;
  const target = String((await value('query-target')).arch);
  const processors = objects(await monitor.execute('query-cpus-fast'));
  const memory = await value('query-memory-size-summary');
  const blocks = objects(await monitor.execute('query-block')).filter(({ inserted }) => isJsonObject(inserted));
  const code = flashOf(blocks, 0);
  return {
    format: 1,
    qemu: [major, minor, micro].map(Number).join('.'),
    target,
    machine: String(await property('/machine', 'type')).replace(/-machine$/, ''),
    kvm: (await value('query-kvm')).enabled === true,
    name: typeof (await value('query-name')).name === 'string' ? String((await value('query-name')).name) : null,
    uuid: await queryUuid(monitor),
    cpu: {
      model: String(await property(String(processors[0]?.['qom-path']), 'type')).replace(new RegExp(`-${target}-cpu$`), ''),
      ...topology(processors),
    },
    memoryBytes: Number(memory['base-memory']) + Number(memory['plugged-memory'] ?? 0),
    firmware: { kind: code ? 'uefi' : 'bios', code, nvram: flashOf(blocks, 1) },
    disks: await disksOf(blocks, property),
    nics: await nicsOf(monitor, property),
  };
}

function topology(processors: readonly JsonObject[]): Omit<GuestDefinition['cpu'], 'model'> {
  const props = processors.map((each) => (isJsonObject(each.props) ? each.props : {}));
  const distinct = (...names: string[]) => new Set(props.map((each) => names.map((name) => String(each[name])).join())).size;
  const sockets = distinct('socket-id');
  const cores = Math.max(1, Math.ceil(distinct('socket-id', 'die-id', 'core-id') / sockets));
  const count = processors.length;
  return { count, sockets, cores, threads: Math.max(1, Math.ceil(count / (sockets * cores))) };
}

type Property = (path: string, name: string) => Promise<Json>;

const inserted = (block: JsonObject) => block.inserted as JsonObject;
const isFlash = ({ qdev }: JsonObject) => typeof qdev === 'string' && /\.flash\d$/.test(qdev);

/** `/machine/system.flash1` on a PC, `/machine/virt.flash1` on ARM. */
function flashOf(blocks: readonly JsonObject[], unit: number): DefinedFlash | null {
  const block = blocks.find(({ qdev }) => typeof qdev === 'string' && qdev.endsWith(`.flash${unit}`));
  return block ? { file: String(inserted(block).file), format: String(inserted(block).drv) } : null;
}

/** Named as queryDisks names them: flash that can be written is a disk of the point in time too, and keeps its number. */
async function disksOf(blocks: readonly JsonObject[], property: Property): Promise<DefinedDisk[]> {
  const disks: DefinedDisk[] = [];
  let captured = 0;
  for (const block of blocks) {
    const { ro, drv, file, image, 'node-name': node } = inserted(block);
    const readOnly = ro === true;
    const name = readOnly ? null : `disk${captured++}`;
    if (isFlash(block)) continue;
    const device = String(node).startsWith('#') ? String(block.device || block.qdev || 'unnamed') : String(node);
    const bytes = Number((image as JsonObject)['virtual-size']);
    const model = await modelOf(String(block.qdev ?? ''), property);
    disks.push({ name, device, model, format: String(drv), file: String(file), bytes, readOnly });
  }
  return disks;
}

/** The backend of a virtio disk is a part of the device that was plugged. */
async function modelOf(qdev: string, property: Property): Promise<string> {
  const path = qdev.startsWith('/') ? qdev.replace(/\/virtio-backend$/, '') : `/machine/peripheral/${qdev}`;
  const model = await property(path, 'type');
  return typeof model === 'string' ? model : 'unknown';
}

/** What has a MAC address; nothing else lists the NICs of all kinds. */
async function nicsOf(monitor: Monitor, property: Property): Promise<GuestDefinition['nics']> {
  const nics: GuestDefinition['nics'] = [];
  for (const place of ['/machine/peripheral', '/machine/peripheral-anon', '/machine/unattached']) {
    const children = objects(await monitor.execute('qom-list', { path: place })).filter(({ type }) =>
      String(type).startsWith('child<'),
    );
    for (const { name, type } of children.slice(0, mostDevices)) {
      const mac = await property(`${place}/${String(name)}`, 'mac');
      if (typeof mac === 'string') nics.push({ model: String(type).slice('child<'.length, -1), mac });
    }
  }
  return nics;
}
