import { agentsContract } from './contract/agents.ts';
import { apiTokensContract } from './contract/api-tokens.ts';
import { budgetsContract } from './contract/budgets.ts';
import { callsContract } from './contract/calls.ts';
import { eventsContract } from './contract/events.ts';
import { familyContract } from './contract/family.ts';
import { codegenContract } from './contract/codegen.ts';
import { fleetContract } from './contract/fleet.ts';
import { keepingContract } from './contract/keeping.ts';
import { clientSessionsContract } from './contract/client-sessions.ts';
import { presenceContract } from './contract/presence.ts';
import { pollPositionsContract } from './contract/poll-positions.ts';
import { promptsContract } from './contract/prompts.ts';
import { quotasContract } from './contract/quotas.ts';
import { sharingContract } from './contract/sharing.ts';
import { signInContract } from './contract/sign-in.ts';
import type { Use } from './contract/support.ts';
import { tasksContract } from './contract/tasks.ts';
import { waitingContract } from './contract/waiting.ts';
import { workersContract } from './contract/workers.ts';
import { workspacesContract } from './contract/workspaces.ts';

/** What every store must do; `use` opens an empty one for the time of a test. */
export function storeContract(name: string, use: Use): void {
  workersContract(name, use);
  waitingContract(name, use);
  workspacesContract(name, use);
  tasksContract(name, use);
  keepingContract(name, use);
  eventsContract(name, use);
  pollPositionsContract(name, use);
  familyContract(name, use);
  callsContract(name, use);
  clientSessionsContract(name, use);
  agentsContract(name, use);
  promptsContract(name, use);
  presenceContract(name, use);
  fleetContract(name, use);
  codegenContract(name, use);
  budgetsContract(name, use);
  signInContract(name, use);
  apiTokensContract(name, use);
  sharingContract(name, use);
  quotasContract(name, use);
}
