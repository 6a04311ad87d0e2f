// Importing this file keeps the whole thread on this machine: a connection to any other host is refused before it is made.
import dgram from 'node:dgram';
import dns from 'node:dns';
import net from 'node:net';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\]|::ffff:127(\.\d{1,3}){3})$/i;

/** Whether a host name or address is this machine's loopback. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

type Listener = (host: string) => void;
let listener: Listener = () => {};

/** Calls `report` with the host of each connection that is refused in this thread. */
export function onRefused(report: Listener): void {
  listener = report;
}

/** What is reported of a refused connection. */
export const leftMachine = (who: string, host: string) =>
  `${who} tried to reach ${host}; the connection was refused, since the local run stays on 127.0.0.1`;

function refuse(host: string): Error {
  listener(host);
  return new Error(
    `refused a connection to ${host}: the local run stays on 127.0.0.1. Does a client ignore AWS_ENDPOINT_URL?`,
  );
}

// Every TCP, TLS and HTTP client of Node ends in Socket.connect, fetch included.
const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function guarded(this: net.Socket, ...args: unknown[]) {
  // net.connect() hands over its normalized arguments as an array in the first place.
  const first = Array.isArray(args[0]) ? args[0][0] : args[0];
  const target = typeof first === 'object' && first !== null ? (first as net.TcpNetConnectOpts) : undefined;
  const host = target ? target.host : typeof args[1] === 'string' ? args[1] : undefined;
  const isPath =
    (target && 'path' in target && target.path) || (typeof first === 'string' && !/^\d+$/.test(first));
  if (!isPath && host !== undefined && !isLoopback(host)) {
    const error = refuse(host);
    // Not at once: a TLS client still sets up its socket after this call.
    process.nextTick(() => this.destroy(error));
    return this;
  }
  return (connect as (...all: unknown[]) => net.Socket).apply(this, args);
} as typeof connect;

const lookup = dns.lookup;
(dns as { lookup: unknown }).lookup = function guardedLookup(host: string, ...rest: unknown[]) {
  const callback = rest.at(-1) as (error: Error) => void;
  if (host && !isLoopback(host)) return process.nextTick(() => callback(refuse(host)));
  return (lookup as unknown as (...all: unknown[]) => void)(host, ...rest);
};

const send = dgram.Socket.prototype.send;
dgram.Socket.prototype.send = function guardedSend(this: dgram.Socket, ...args: unknown[]) {
  const host = args.find((arg, index) => index > 0 && typeof arg === 'string') as string | undefined;
  if (host !== undefined && !isLoopback(host)) throw refuse(host);
  return (send as (...all: unknown[]) => void).apply(this, args);
} as typeof send;
