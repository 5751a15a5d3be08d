import type { HubHandlers, WorkerHandlers } from '../../src/protocol/link.ts';

const unused = async () => {
  throw new Error('not expected to be asked');
};
/** Handlers of a worker of which only some are expected to be asked. */
export const workerHandlers = (some: Partial<WorkerHandlers>): WorkerHandlers => ({
  'presence.check': unused,
  'history.since': unused,
  'agents.describe': unused,
  'session.check': unused,
  'session.start': unused,
  'session.prompt': unused,
  'session.place': unused,
  'session.interrupt': unused,
  'session.stop': unused,
  'session.answer': unused,
  'session.fork': unused,
  'history.projects': unused,
  'history.sessions': unused,
  'history.messages': unused,
  'history.search': unused,
  'history.usage': unused,
  'history.memory': unused,
  'workspace.open': unused,
  'workspace.release': unused,
  'workspace.close': unused,
  'workspace.inspect': unused,
  'run.submit': unused,
  'run.await': unused,
  'run.cancel': unused,
  'file.do': unused,
  'worker.status': unused,
  ...some,
});

/** The same of a hub. */
export const hubHandlers = (some: Partial<HubHandlers>): HubHandlers => ({
  'session.told': unused,
  'presence.told': unused,
  'transcripts.grew': unused,
  'worker.join': unused,
  'worker.beat': unused,
  'worker.change': unused,
  'worker.leave': unused,
  'run.started': unused,
  'run.ended': unused,
  'box.changed': unused,
  'workspace.recovered': unused,
  'checkpoint.taken': unused,
  'egress.seen': unused,
  ...some,
});
