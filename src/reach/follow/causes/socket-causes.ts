import type { Dial, Facts } from '../../facts.ts';
import { listenerText, parseListeners } from '../../look/guest/listeners.ts';
import type { Watched } from '../seen/sightings.ts';
import type { Stream } from '../seen/streams.ts';
import type { Step } from '../step.ts';
import type { Why } from './causes.ts';

// What the sockets of the service do with a packet that was let in.

/** It was let in, and no socket answered. */
export function notTaken(end: Step, watched: Watched | undefined, { target }: Facts): Why {
  const fix = `vmkit logs ${target.machine} ${target.name}; vmkit exec ${target.machine} -- ss -ltnp`;
  const onPort = parseListeners(watched?.sockets ?? '').filter(({ port }) => port === end.port);
  const overflows = watched?.risen.get('TcpExt ListenOverflows');
  const drops = watched?.risen.get('TcpExt ListenDrops') ?? 0;
  if (overflows !== undefined) {
    const queue = onPort.map(({ waiting, backlog }) => `${waiting} connections wait, ${backlog} may`).join('; ');
    const title = 'the service accepts no more connections: its queue is full';
    const observed = [`ListenOverflows +${overflows}`, queue, whyNotAccepted(end, watched) ?? ''];
    return { cause: 'backlog-full', hop: 'backend', title, observed: joined(observed), fix, isCertain: true };
  }
  const sockets = `ss -ltn: ${onPort.map(listenerText).join(', ') || `nothing on port ${end.port}`}`;
  const policies = risenOf(watched, /^xfrm /);
  if (drops > 0) {
    return {
      cause: 'answer-not-made',
      hop: 'guest',
      title: 'a socket is there, and the kernel of the guest cannot answer: it finds no way back, or no memory',
      observed: joined([`ListenDrops +${drops}`, ...policies, sockets]),
      fix: `vmkit exec ${target.machine} -- sh -c 'ip rule; ip route; ip xfrm policy; free'`,
      isCertain: true,
    };
  }
  if (policies.length > 0) {
    const isOut = policies.every((each) => each.startsWith('xfrm XfrmOut'));
    return {
      cause: 'dropped-in-kernel',
      hop: 'guest',
      title: `a policy of IPsec in the guest ends ${isOut ? 'the answer' : 'it, before the socket'}`,
      observed: policies.join('; '),
      fix: `vmkit exec ${target.machine} -- ip xfrm policy`,
      isCertain: true,
    };
  }
  const refused = watched?.sightings.some(
    ({ hook, kind, fromPort, link }) =>
      hook === 'said' && kind === 'any' && fromPort === end.port && (link === 'lo') === end.id.startsWith('loop'),
  );
  const signed = risenOf(watched, /^TcpExt TCP(MD5|AO)/);
  const title =
    signed.length > 0
      ? 'the socket takes only connections that are signed with its key (TCP MD5 or AO)'
      : refused
        ? 'the kernel refuses it: no socket takes connections at that address or interface'
        : 'it is let in, and no socket answers';
  const observed = joined([sockets, ...risenOf(watched, /^TcpExt \w*(Drop|Filter|MD5|AO)/)]);
  const isCertain = refused === true || signed.length > 0;
  return { cause: 'not-taken', hop: end.hop, title, observed, fix, isCertain, isGeneral: true };
}

function risenOf(watched: Watched | undefined, pattern: RegExp): string[] {
  return [...(watched?.risen ?? [])].flatMap(([name, by]) => (pattern.test(name) ? [`${name} +${by}`] : []));
}

function joined(texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join('; ');
}

/** A connection was taken, and no answer was said on it. */
export function silent(end: Step, stream: Stream | undefined, facts: Facts, { result }: Dial): Why {
  const { target, watches } = facts;
  const watched = watches?.[end.place];
  const fix = `vmkit logs ${target.machine} ${target.name}`;
  const isClosed = result === 'closed' || result === 'refused';
  if (stream !== undefined && stream.taken < stream.asked && !isClosed) {
    return {
      cause: 'question-not-taken',
      hop: 'guest',
      title: "the question arrives, and the guest's kernel does not hand it to the service: TCP itself drops it",
      observed: joined([
        `${stream.asked} bytes came, ${stream.taken} were taken`,
        ...risenOf(watched, /^(Tcp InErrs|TcpExt \w*(PAWS|Drop|Prune|Skipped|Csum|Memory)\w*)/),
      ]),
      fix: `vmkit exec ${target.machine} -- sh -c 'nstat -az | grep -i tcp; ss -tmin'`,
      isCertain: true,
    };
  }
  const held = isClosed ? undefined : whyNotAccepted(end, watched);
  if (held !== undefined) {
    const title = `the kernel takes the connection, and ${target.name} does not: it accepts nothing`;
    return { cause: 'backend-accepts-nothing', hop: 'backend', title, observed: held, fix, isCertain: true };
  }
  return {
    cause: isClosed ? 'backend-closed' : 'backend-silent',
    hop: 'backend',
    title: `${target.name} takes the connection and ${isClosed ? 'ends it without an answer' : 'says nothing'}`,
    fix,
    isCertain: true,
  };
}

/** Why connections stay in the queue of a socket (accept(2)); undefined: they do not. */
function whyNotAccepted(end: Step, watched: Watched | undefined): string | undefined {
  const waiting = parseListeners(watched?.sockets ?? '').find((each) => each.port === end.port && each.waiting > 0);
  if (waiting === undefined) return undefined;
  const holder = watched?.holders.find(({ port }) => port === end.port);
  const why =
    holder === undefined
      ? ''
      : /[Tt]/.test(holder.state)
        ? 'its process is halted by a signal (state T)'
        : holder.files >= holder.mayFiles
          ? `its process has all files open that it may: ${holder.files} of ${holder.mayFiles}`
          : `its process is in state ${holder.state}, with ${holder.files} of ${holder.mayFiles} files open`;
  return joined([`${waiting.waiting} connections wait for accept(2)`, why]);
}
