import type { Check } from '../cli/doctor.ts';
import type { JoinToken } from '../fabric/credentials/join-token.ts';
import { natsServersOf } from '../joining.ts';
import { readTokenFile } from '../tokens.ts';
import { authChecks } from './auth.ts';
import { failed, type Subject } from './checks.ts';
import { contentChecks } from './contents.ts';
import { fabricChecks, tokenCheck } from './fabric.ts';
import { boxChecks, directoryCheck, nodeCheck, portCheck } from './machine.ts';
import { memberChecks } from './members.ts';
import { providerChecks } from './providers.ts';
import { recordChecks } from './records.ts';

/**
 * Everything that Boxswain needs here, looked at for real: on one machine all of it; of a cluster what a hub needs, what a worker
 * needs, or both where no token tells which of them this is.
 */
export async function diagnose(subject: Subject, { version }: { version: string }): Promise<Check[]> {
  const { config, log } = subject;
  const general = [nodeCheck(), await directoryCheck(config.directory)];
  let token: JoinToken | undefined;
  try {
    token = await readTokenFile(config, log);
  } catch (error) {
    return [...general, failed('token', error, 'make one: boxswain worker token create')];
  }
  const isCluster = natsServersOf(config).length > 0 || token !== undefined;
  if (!isCluster)
    return [
      ...general,
      ...(await recordChecks(config, async () => [])),
      await portCheck(config),
      ...(await authChecks(config)),
      ...(await boxChecks(subject)),
      ...(await providerChecks(subject)),
    ];
  const isWorker = token !== undefined && 'worker' in token.identity;
  const isHub = token !== undefined && !isWorker;
  return [
    ...general,
    await tokenCheck(config, token),
    ...(await fabricChecks(subject, token)),
    ...(isWorker ? [] : await recordChecks(config, store => memberChecks(store, version))),
    ...(isWorker ? [] : [await portCheck(config), ...(await authChecks(config))]),
    ...(isWorker ? [] : await providerChecks(subject)),
    ...(await contentChecks(subject, { isWorker })),
    ...(isHub ? [] : (await boxChecks(subject)).map(check => (isWorker ? check : asAdvice(check)))),
  ];
}

/** A machine without a token may be that of a hub, which has no boxes. */
const asAdvice = (check: Check): Check => ({ ...check, state: check.state === 'fail' ? 'warn' : check.state });
