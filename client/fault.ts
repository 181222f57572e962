/**
 * Why a Temporal server cannot be reached: a handshake as gRPC makes it, since an error of gRPC reports a time-out and not its cause
 * (measured: a wrong CA, a wrong name and a missing certificate all end as "Failed to connect before the deadline").
 */

import type { ConnectionOptions } from '@temporalio/client';
import { X509Certificate } from 'node:crypto';
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { socketPathOf } from '../lib/own-port.ts';
import { messageOf } from '../model/errors.ts';
import { hostAndPort, usesTls, type ServerSettings } from './settings.ts';

export interface Fault {
  about: 'address' | 'tls' | 'ca' | 'server name' | 'server certificate' | 'certificate' | 'server';
  found: string;
  wayOut: string;
}

type Tls = Extract<ConnectionOptions['tls'], object>;

/** As long as a person waits for the connection itself. */
const answerMs = 3_000;

/** Certificates of weeks are renewed at two thirds of their time; with a week left the renewal has failed more than once. */
const expiryWarningMs = 7 * 24 * 60 * 60 * 1_000;

/** RFC 9113, section 3.4: the client's preface, and SETTINGS without any. A server that accepts the client answers with its own. */
const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]);

/** What stands in the way of a connection with these settings. */
export async function findFault(settings: ServerSettings['connection']): Promise<Fault> {
  const { host, port } = hostAndPort(settings.address);
  const path = socketPathOf(settings.address);
  const reached = await answer(path === undefined ? connectPlain({ host, port }) : connectPlain({ path }), 'connect');
  if (reached !== undefined) return addressFault(settings.address, reached);
  if (path !== undefined) return serverFault(settings.address);
  const tls: Tls = typeof settings.tls === 'object' && settings.tls !== null ? settings.tls : {};
  if (!usesTls(settings)) return plaintextFault(settings.address, await shakeHands(host, port, tls, false));
  const problem = await shakeHands(host, port, tls, true);
  if (problem === undefined) return serverFault(settings.address);
  return tlsFault(settings.address, tls, problem);
}

/** When the client certificate ends; undefined when there is none. */
export function expiryOf(settings: ServerSettings['connection']): { found: string; isNear: boolean } | undefined {
  const pair = typeof settings.tls === 'object' ? settings.tls?.clientCertPair : undefined;
  if (!pair) return undefined;
  const { validToDate } = new X509Certificate(pair.crt);
  const isNear = validToDate.getTime() - Date.now() < expiryWarningMs;
  return { found: `the client certificate ends at ${validToDate.toISOString()}`, isNear };
}

/** Undefined when the server answers to HTTP/2 inside TLS: with TLS 1.3 it judges the client's certificate after the handshake. */
async function shakeHands(host: string, port: number, tls: Tls, verifies: boolean): Promise<Problem | undefined> {
  const { serverRootCACertificate: ca, serverNameOverride, clientCertPair } = tls;
  const servername = serverNameOverride ?? (isIP(host) ? undefined : host);
  const socket = connectTls({
    host,
    port,
    ALPNProtocols: ['h2'],
    rejectUnauthorized: verifies,
    ...(servername !== undefined && { servername }),
    ...(ca && { ca: Buffer.from(ca) }),
    ...(clientCertPair && { cert: Buffer.from(clientCertPair.crt), key: Buffer.from(clientCertPair.key) }),
  });
  let isSecure = false;
  socket.once('secureConnect', () => {
    isSecure = true;
    socket.write(preface);
  });
  const error = await answer(socket, 'data');
  return error && { error, isSecure };
}

interface Problem {
  error: NodeJS.ErrnoException;
  /** The handshake had succeeded from this side. */
  isSecure: boolean;
}

/** Undefined once `event` came; otherwise why it did not. */
async function answer(socket: Socket, event: 'connect' | 'data'): Promise<NodeJS.ErrnoException | undefined> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.ErrnoException | undefined>();
  const failed = (code: string) => resolve(Object.assign(new Error(code), { code }));
  socket.once(event, () => resolve(undefined)).once('error', resolve);
  socket.once('close', () => failed('closed without an answer')).setTimeout(answerMs, () => failed('no answer'));
  const problem = await promise;
  socket.destroy();
  return problem;
}

function addressFault(address: string, error: NodeJS.ErrnoException): Fault {
  const found =
    error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN'
      ? `the name in ${address} cannot be resolved`
      : `no server answers at ${address}`;
  return { about: 'address', found, wayOut: 'start one with "stillframe up", or name yours with --address or TEMPORAL_ADDRESS' };
}

/** Every answer of TLS, an alert included, shows that the server has it. */
function plaintextFault(address: string, problem: Problem | undefined): Fault {
  const speaksTls = problem === undefined || problem.isSecure || /ALERT/.test(problem.error.code ?? '');
  if (!speaksTls) return serverFault(address);
  return {
    about: 'tls',
    found: `the server at ${address} has TLS, and the settings have none`,
    wayOut: 'set TEMPORAL_TLS=true, or tls in the profile',
  };
}

function serverFault(address: string): Fault {
  return {
    about: 'server',
    found: `${address} answers, and not as a Temporal server`,
    wayOut: 'compare the address with the one of the frontend of your cluster',
  };
}

/** X509_V_ERR_* of openssl by the names that Node gives them (nodejs.org/api/tls.html, "X509 certificate error codes"). */
const distrusted = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
]);

function tlsFault(address: string, tls: Tls, { error, isSecure }: Problem): Fault {
  const code = error.code ?? '';
  if (distrusted.has(code)) {
    return {
      about: 'ca',
      found: `the certificate of ${address} was issued by a CA that is not trusted here (${code})`,
      wayOut: 'name the certificate of its CA with TEMPORAL_TLS_SERVER_CA_CERT_PATH, or server_ca_cert_path in the profile',
    };
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return {
      about: 'server name',
      found: `the certificate of ${address} is for another name (${messageOf(error)})`,
      wayOut: 'name one of its names with TEMPORAL_TLS_SERVER_NAME, or server_name in the profile',
    };
  }
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    return {
      about: 'server certificate',
      found: `the certificate of ${address} ${code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet'}`,
      wayOut: 'renew it on the server, and compare the clocks of both machines',
    };
  }
  if (isSecure || /ALERT|ECONNRESET/.test(code)) return certificateFault(address, tls, code);
  return {
    about: 'tls',
    found: `${address} answers, and not with TLS (${code})`,
    wayOut: 'compare the address; for a server without TLS remove TEMPORAL_TLS* and tls from the settings',
  };
}

function certificateFault(address: string, tls: Tls, reason: string): Fault {
  const about = 'certificate';
  const name =
    'TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH, or client_cert_path and client_key_path in the profile';
  if (!tls.clientCertPair) {
    const found = `the server at ${address} wants a client certificate, and the settings have none`;
    return { about, found, wayOut: `name yours with ${name}` };
  }
  const { subject, validFromDate, validToDate } = new X509Certificate(tls.clientCertPair.crt);
  const who = `the client certificate ${subject.replaceAll('\n', ', ')}`;
  if (validToDate.getTime() < Date.now()) {
    return {
      about,
      found: `${who} has expired (${validToDate.toISOString()})`,
      wayOut: `renew it, or name another with ${name}`,
    };
  }
  if (validFromDate.getTime() > Date.now()) {
    const found = `${who} is not valid yet (from ${validFromDate.toISOString()})`;
    return { about, found, wayOut: 'compare the clock of this machine with the one that issued it' };
  }
  return {
    about,
    found: `the server at ${address} does not accept ${who} (${reason})`,
    wayOut: `have it issued by a CA that the server accepts, or name another with ${name}`,
  };
}
