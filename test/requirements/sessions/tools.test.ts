import { declareMoreTools } from './more-tools.ts';
import { declareShapes } from './shapes.ts';
import { declareTools } from './tools.ts';
import { verifications } from './verify.ts';

verifications('tools of the sessions toolset', verifier => {
  declareShapes(verifier);
  declareTools(verifier);
  declareMoreTools(verifier);
});
