import { declareCommands } from './commands.ts';
import { declareErrors } from './errors.ts';
import { declareMirrors } from './mirrors.ts';
import { declareExpiry, declarePermissions } from './permissions.ts';
import { declarePrompts } from './prompts.ts';
import { declareRestarts } from './restarts.ts';
import { declareRules } from './rules.ts';
import { declareFleetEvents, declareStreams } from './streams.ts';
import { verifications } from './verify.ts';
import { declareWorkers } from './workers.ts';

verifications('behaviour of sessions', (verifier, grounds) => {
  declareRules(verifier);
  declarePrompts(verifier);
  declarePermissions(verifier);
  declareStreams(verifier, grounds);
  declareWorkers(verifier);
  verifier.together('what a hub or a worker looks for now and then', () => {
    declareExpiry(verifier);
    declareFleetEvents(verifier);
    declareMirrors(verifier, grounds);
  });
  declareErrors(verifier, grounds);
  declareCommands(verifier, grounds);
  // What was connected before it is not any more.
  declareRestarts(verifier);
});
