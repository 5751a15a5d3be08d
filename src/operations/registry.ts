import { auditExport, auditList, auditVerify } from './audit/audit.ts';
import { getAgentDetails, getAgentLogs } from './fleet/agents.ts';
import { createNewAgentTask, deleteAgentWorkspace, sendInputToAgent } from './fleet/changes.ts';
import { interruptAgent, pauseAgent, resumeAgent } from './fleet/directing.ts';
import { getFleetStatusMetrics, listAllAgents } from './fleet/list.ts';
import { codegenConfig } from './codegen/config.ts';
import { codegenList, codegenLogs, codegenNew, codegenResume, codegenTaskStatus } from './codegen/runs.ts';
import type { Operation, Toolset } from './operation.ts';
import { artifactGet, artifactList, artifactUpload } from './sandbox/artifacts.ts';
import { lintCheck, testRun } from './sandbox/checks.ts';
import { workspaceCheckpoint, workspaceFork, workspaceRestore } from './sandbox/checkpoints.ts';
import { echo } from './sandbox/echo.ts';
import { gitClone, gitCommit } from './sandbox/git.ts';
import { pkgInstall } from './sandbox/packages.ts';
import { fsList, fsRead } from './sandbox/read-files.ts';
import { runCommand, runPython } from './sandbox/runs.ts';
import { taskCancel, taskGetResult, taskGetStatus, taskList } from './sandbox/tasks.ts';
import { workspaceCreate, workspaceDelete, workspaceGet, workspaceList } from './sandbox/workspaces.ts';
import { fsEdit, fsWrite } from './sandbox/write-files.ts';
import { pollEvents } from './sessions/events.ts';
import { getHealth, getHealthDetails } from './sessions/health.ts';
import { getObservability, getProjectMemory, listProjects, searchSessions } from './sessions/history.ts';
import { hookTokenCreate, hookTokenRevoke } from './sessions/hook-tokens.ts';
import { listPermissions, respondPermission } from './sessions/permissions.ts';
import { abortSession, disposeSession, sendAndWait, sendPrompt } from './sessions/prompts.ts';
import {
  createSession,
  forkSession,
  getSession,
  listAgentsAvailable,
  listSessions,
  renameSession,
} from './sessions/sessions.ts';
import { getState, updateState } from './sessions/state.ts';
import { shareCreate, shareList, shareRevoke } from './sharing/shares.ts';
import { apiTokenCreate, apiTokenList, apiTokenRevoke } from './tokens/api-tokens.ts';
import { workerDrain, workerList, workerRemove, workerUndrain } from './workers/workers.ts';

/** The tools: everything that models can ask for, in the order in which it is listed: a fixed order keeps clients' prompt caches. */
export const allOperations: readonly Operation[] = [
  workspaceCreate,
  workspaceList,
  workspaceGet,
  workspaceDelete,
  workspaceCheckpoint,
  workspaceRestore,
  workspaceFork,
  fsRead,
  fsWrite,
  fsEdit,
  fsList,
  runPython,
  runCommand,
  pkgInstall,
  testRun,
  lintCheck,
  gitClone,
  gitCommit,
  artifactList,
  artifactGet,
  artifactUpload,
  taskGetStatus,
  taskGetResult,
  taskCancel,
  taskList,
  echo,
  listProjects,
  listSessions,
  getSession,
  createSession,
  sendPrompt,
  sendAndWait,
  abortSession,
  disposeSession,
  forkSession,
  renameSession,
  listPermissions,
  respondPermission,
  listAgentsAvailable,
  getProjectMemory,
  searchSessions,
  pollEvents,
  getHealth,
  getHealthDetails,
  getState,
  updateState,
  getObservability,
  codegenNew,
  codegenResume,
  codegenTaskStatus,
  codegenList,
  codegenLogs,
  codegenConfig,
  listAllAgents,
  getFleetStatusMetrics,
  getAgentDetails,
  getAgentLogs,
  createNewAgentTask,
  deleteAgentWorkspace,
  sendInputToAgent,
];

/** What operators can ask for beside them, over HTTP and on the command line. */
export const operatorOperations: readonly Operation[] = [
  workerList,
  workerDrain,
  workerUndrain,
  workerRemove,
  apiTokenCreate,
  apiTokenList,
  apiTokenRevoke,
  hookTokenCreate,
  hookTokenRevoke,
  pauseAgent,
  resumeAgent,
  interruptAgent,
  shareCreate,
  shareList,
  shareRevoke,
  auditList,
  auditExport,
  auditVerify,
];

const byName = new Map<string, Operation>();
for (const operation of allOperations) {
  for (const name of [operation.name, ...operation.aliases]) {
    if (byName.has(name)) throw new Error(`two operations are named ${name}`);
    byName.set(name, operation);
  }
}

/** By name or alias. */
export const findOperation = (name: string): Operation | undefined => byName.get(name);

export interface Selection {
  /** Absent or empty: all. */
  readonly toolsets?: readonly string[];
  /** Only the tools of everyday work. */
  readonly core?: boolean;
  /** Only operations that change nothing. */
  readonly readOnly?: boolean;
}

/** The operations to list. Depends on nothing but the selection, so that lists can be computed once. */
export function selectOperations({ toolsets = [], core = false, readOnly = false }: Selection): readonly Operation[] {
  const isWanted = (toolset: Toolset) => toolsets.length === 0 || toolsets.includes(toolset);
  return allOperations.filter(
    operation =>
      ([operation.toolset, ...operation.also].some(isWanted) || operation.always) &&
      (!core || operation.core) &&
      (!readOnly || operation.hints.readOnly),
  );
}
