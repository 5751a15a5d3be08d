import type { AgentTables } from './agents/tables.ts';
import type { AuditTables } from './audit/tables.ts';
import type { BudgetTables } from './budgets/tables.ts';
import type { CallTables } from './calls/tables.ts';
import type { CodegenTables } from './codegen/tables.ts';
import type { CredentialTables } from './credentials/tables.ts';
import type { EventTables } from './events/tables.ts';
import type { FleetTables } from './fleet/tables.ts';
import type { PlacementTables } from './placement/tables.ts';
import type { SharingTables } from './sharing/tables.ts';
import type { SignInTables } from './sign-in/tables.ts';
import type { WorkTables } from './work/tables.ts';

/**
 * The tables, alike on SQLite and PostgreSQL: ids are text, times are epoch milliseconds, structured values are JSON as
 * text, booleans are 0 or 1. `ordinal` numbers rows in order of insertion, which times cannot: several fall into one
 * millisecond.
 */
export interface Schema
  extends PlacementTables,
    WorkTables,
    EventTables,
    CallTables,
    AgentTables,
    CodegenTables,
    FleetTables,
    BudgetTables,
    CredentialTables,
    SharingTables,
    SignInTables,
    AuditTables {}
