import { declareRefusals } from './refusals.ts';
import { verifications } from './verify.ts';

verifications('refusals of the sessions toolset', declareRefusals);
