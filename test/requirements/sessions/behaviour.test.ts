import { declareCommands } from './commands.ts';
import { declareErrors } from './errors.ts';
import { declareRules } from './rules.ts';
import { verifications } from './verify.ts';

verifications('behaviour of sessions', (verifier, grounds) => {
  declareRules(verifier);
  declareErrors(verifier, grounds);
  declareCommands(verifier, grounds);
});
