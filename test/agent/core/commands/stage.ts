/** An agent on Node in a directory of its own, asked as a host asks: bytes in, bytes out. It starts programs only where a test lets it. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createAgent } from '../../../../agent/core/agent.ts';
import type { Agent } from '../../../../agent/core/command.ts';
import { defaultSettings } from '../../../../agent/core/config/settings.ts';
import { dispatch } from '../../../../agent/core/dispatch.ts';
import { SystemError, type Children, type Piece, type Platform } from '../../../../agent/core/platform.ts';
import { createNodePlatform } from '../../../../agent/platform/node/platform.ts';
import type { AgentCommand } from '../../../../protocol/agent/command.ts';
import { encodeRequest, parseReply } from '../../../../protocol/agent/reply.ts';
import type { Json, JsonObject } from '../../../../protocol/json.ts';
import { createJsonStream, qemuLimits } from '../../../../protocol/json-stream.ts';

export interface Stage {
  directory: string;
  agent: Agent;
  /** Lines that were written to syslog. */
  audits: string[];
  /** Lines that were written to standard error: unexpected errors are reported there. */
  errors: string[];
  /** What the agent answers, as the host's side of the command reads it. @throws when it is an error */
  ask<Arguments, Reply>(command: AgentCommand<Arguments, Reply>, args: Arguments): Promise<Reply>;
  /** The value that it returns, as it stands on the wire. @throws when it is an error */
  value(execute: string, args?: JsonObject): Promise<Json>;
  /** The text of its error; its class is GenericError. @throws when it is none */
  refusal(execute: string, args?: JsonObject): Promise<string>;
  /** The bytes that it sends. */
  wire(execute: string, args?: JsonObject): Promise<string>;
  /** A second agent over the same state, as after a restart. */
  restart(): void;
}

export function createStage(t: TestContext, parts: Partial<Platform> = {}): Stage {
  const directory = mkdtempSync(join(tmpdir(), 'sf-agent-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const audits: string[] = [];
  const errors: string[] = [];
  const base = createNodePlatform([], { children: noChildren, ...parts });
  const platform: Platform = {
    ...base,
    process: { ...base.process, syslog: (_, text) => void audits.push(text), standardError: (text) => void errors.push(text) },
  };
  const start = () => createAgent(platform, { ...defaultSettings(), stateDirectory: directory });

  async function wire(execute: string, args?: JsonObject): Promise<string> {
    const request = parse(encodeRequest(execute, args));
    return (await dispatch(stage.agent, request)).map(encodePiece).join('');
  }

  async function answer(execute: string, args?: JsonObject) {
    const line = await wire(execute, args);
    const reply = parseReply(parse(line.replace('\xff', '')));
    if (!reply) throw new Error(`no reply to ${execute}: ${line.slice(0, 200)}`);
    return reply;
  }

  async function value(execute: string, args?: JsonObject): Promise<Json> {
    const reply = await answer(execute, args);
    if (reply.kind === 'error') throw new Error(reply.desc);
    return reply.value;
  }

  const stage: Stage = {
    directory,
    agent: start(),
    audits,
    errors,
    ask: async (command, args) => command.reply(await value(command.name, command.arguments(args))),
    value,
    async refusal(execute, args) {
      const reply = await answer(execute, args);
      if (reply.kind !== 'error' || reply.class !== 'GenericError') throw new Error(`${execute}: ${JSON.stringify(reply)}`);
      return reply.desc;
    },
    wire,
    restart: () => void (stage.agent = start()),
  };
  return stage;
}

/** Shutdown and hwclock are programs too, and this machine is not a test guest. */
const noChildren: Children = {
  spawn() {
    throw new SystemError(1, 'Operation not permitted');
  },
};

/** 48 MiB of a file are 64 MiB of base64. */
const replyLimits = { ...qemuLimits, maxBytes: 2 * qemuLimits.maxBytes };

function parse(text: string): Json {
  const [event] = createJsonStream(replyLimits).push(Buffer.from(text, 'latin1'));
  if (event?.kind !== 'value') throw new Error(`not one JSON value: ${text.slice(0, 200)}`);
  return event.value;
}

function encodePiece(piece: Piece): string {
  return typeof piece === 'string' ? piece : Buffer.from(piece).toString('base64');
}
