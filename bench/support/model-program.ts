import { startScriptedModel } from '../../test/support/scripted-model/server.ts';

/** The scripted model as a program, for whoever has forked it: tells where it serves, and ends with the one who did. */
const { origin } = await startScriptedModel();
process.once('disconnect', () => process.exit());
process.send?.(origin);
