import { declareCommands } from './commands.ts';
import { declareConfiguration } from './configuration.ts';
import { declareDocuments } from './documents.ts';
import { declareErrors } from './errors.ts';
import { declareHttp } from './http.ts';
import { declareLists } from './lists.ts';
import { declareShapes } from './shapes.ts';
import { declareTools } from './tools.ts';
import { verifications } from './verify.ts';

verifications('the codegen toolset', (verifier, grounds) => {
  declareShapes(verifier);
  declareTools(verifier);
  declareLists(verifier);
  declareConfiguration(verifier, grounds);
  declareErrors(verifier);
  declareHttp(verifier, grounds);
  declareCommands(verifier, grounds);
  declareDocuments(verifier, grounds);
});
