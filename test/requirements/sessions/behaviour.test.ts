import { declareCommands } from './commands.ts';
import { declareErrors } from './errors.ts';
import { declareMirrors } from './mirrors.ts';
import { declarePermissions } from './permissions.ts';
import { declarePrompts } from './prompts.ts';
import { declareRestarts } from './restarts.ts';
import { declareRules } from './rules.ts';
import { declareStreams } from './streams.ts';
import { verifications } from './verify.ts';
import { declareWorkers } from './workers.ts';

verifications('behaviour of sessions', (verifier, grounds) => {
  declareRules(verifier);
  declarePrompts(verifier);
  declarePermissions(verifier);
  declareStreams(verifier, grounds);
  declareWorkers(verifier);
  declareMirrors(verifier, grounds);
  declareErrors(verifier, grounds);
  declareCommands(verifier, grounds);
  // What was connected before it is not any more.
  declareRestarts(verifier);
});
