import { declareErrors } from './errors.ts';
import { declareEvents } from './events.ts';
import { declareRules } from './rules.ts';
import { declareShapes } from './shapes.ts';
import { declareSurfaces } from './surfaces.ts';
import { declareTools } from './tools.ts';
import { verifications } from './verify.ts';

verifications('the fleet toolset', (verifier, grounds) => {
  declareShapes(verifier);
  declareTools(verifier);
  declareRules(verifier);
  declareErrors(verifier, grounds);
  declareSurfaces(verifier, grounds);
  // From here on the providers are watched.
  declareEvents(verifier);
});
