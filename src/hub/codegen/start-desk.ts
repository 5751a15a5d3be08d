import { randomUUID } from 'node:crypto';
import type { Caller } from '../../auth/caller.ts';
import { AppError } from '../../errors/app-error.ts';
import type { CallIds } from '../../ids/call-ids.ts';
import type { CodegenClient, CodegenRun } from '../../providers/codegen/codegen-client.ts';
import { isOutcomeUnknown } from '../../providers/http/failures.ts';
import type { CodegenRecord } from '../../store/codegen/rows.ts';
import type { JsonObject } from '../../store/rows.ts';
import { asAppError } from '../errors.ts';
import type { Foundation } from '../foundation.ts';
import type { Idempotency } from '../hub.ts';
import { errorAsJson, toJsonObject } from '../json.ts';
import { errorShapeSchema } from '../../protocol/jobs.ts';
import type { CodegenGate } from './gate.ts';
import type { LostAnswers } from './lost-answers.ts';
import { bodyOf, newBody, type RunBody } from './run-body.ts';
import type { RunBook } from './run-book.ts';
import type { UnderWay } from './under-way.ts';

interface StartRequest {
  readonly query: string;
  readonly task?: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly orchestratorRunId?: number;
  readonly images?: readonly string[];
  readonly idempotencyKey?: string;
}

export interface NewRunRequest extends StartRequest {
  readonly repo?: string;
  readonly branch?: string;
  readonly pr?: number;
  readonly model?: string;
  readonly agentType?: 'codegen' | 'claude_code';
}

export interface ResumeRequest extends StartRequest {
  readonly agentRunId: number;
}

interface StartCall {
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

interface Parts {
  readonly gate: CodegenGate;
  readonly book: RunBook;
  readonly lost: LostAnswers;
  readonly idempotency: Idempotency;
  readonly underWay: UnderWay;
}

/** Starts and resumes runs: the task is stored, then the run is asked for, once. */
export class StartDesk {
  readonly #foundation: Foundation;
  readonly #parts: Parts;

  constructor(foundation: Foundation, parts: Parts) {
    this.#foundation = foundation;
    this.#parts = parts;
  }

  /** REPO_NOT_FOUND, PLAN_LIMIT_REACHED and what the service refuses; NETWORK_ERROR with the task when the answer was lost for good. */
  start(request: NewRunRequest, { caller, signal }: StartCall): Promise<JsonObject> {
    const { idempotencyKey: key, ...args } = request;
    return this.#once({ caller, operation: 'codegen_new', key, args }, async ids => {
      const known = await this.#earlier(ids);
      if (known) return await this.#finished(known);
      const { client, promptContext } = await this.#way();
      const { repoId, warnings } = await repoOf(request.repo, { client, signal });
      const metadata = metadataOf(request);
      const id = ids?.taskId() ?? randomUUID();
      const orchestratorRunId = request.orchestratorRunId ?? null;
      const send = () =>
        client.createRun(
          {
            prompt: promptContext ? promptOf(request) : request.query,
            metadata: { ...metadata, task_id: id },
            repoId,
            model: request.model,
            agentType: request.agentType,
            images: request.images,
          },
          { signal: this.#foundation.background.signal },
        );
      const record = { id, caller: caller.id, runId: null, orchestratorRunId };
      const accepted = await this.#ask(record, { body: newBody('new', metadata), operation: 'codegen_new', send });
      return startedOf(accepted, warnings);
    });
  }

  /** RUN_NOT_RESUMABLE for anything but a complete run; then nothing is sent. */
  resume(request: ResumeRequest, { caller, signal }: StartCall): Promise<JsonObject> {
    const { idempotencyKey: key, ...args } = request;
    return this.#once({ caller, operation: 'codegen_resume', key, args }, async ids => {
      const known = await this.#earlier(ids);
      if (known) return await this.#finished(known);
      const { client } = await this.#way();
      const { agentRunId, query: prompt, images } = request;
      const before = await client.getRun(agentRunId, { signal });
      if (before.status?.toUpperCase() !== 'COMPLETE') throw notResumable(before);
      const orchestratorRunId = request.orchestratorRunId ?? null;
      const record = { id: ids?.taskId() ?? randomUUID(), caller: caller.id, runId: agentRunId, orchestratorRunId };
      const body = {
        ...newBody('resume', resumeMetadata(request)),
        web_url: before.webUrl,
        stale_result: before.result,
        is_stale: true,
      };
      const send = () =>
        client.resumeRun({ agentRunId, prompt, images }, { signal: this.#foundation.background.signal });
      return startedOf(await this.#ask(record, { body, operation: 'codegen_resume', send }), []);
    });
  }

  /**
   * A failure that leaves it open whether there is a run is remembered like an answer: were the key free again, a repeat would make a
   * second run.
   */
  async #once(
    call: { caller: Caller; operation: string; key?: string; args: object },
    work: (ids?: CallIds) => Promise<JsonObject>,
  ): Promise<JsonObject> {
    const answer = await this.#parts.idempotency.once(call, async (ids): Promise<JsonObject> => {
      try {
        return await work(ids);
      } catch (error) {
        if (error instanceof AppError && error.details.task_id !== undefined) return { failure: errorAsJson(error) };
        throw error;
      }
    });
    if (answer.failure === undefined) return answer;
    throw AppError.fromShape(errorShapeSchema.parse(answer.failure));
  }

  /** What an earlier attempt at the call has stored, whose hub is gone. */
  async #earlier(ids: CallIds | undefined): Promise<CodegenRecord | undefined> {
    return ids === undefined ? undefined : await this.#foundation.store.codegen.get(ids.taskId());
  }

  async #finished(record: CodegenRecord): Promise<JsonObject> {
    const { phase, state, error } = bodyOf(record);
    if (phase === 'known') return startedOf(record, []);
    if (record.endedAt !== null) {
      const code = state === 'failed' ? 'CODEGEN_API_ERROR' : 'NETWORK_ERROR';
      throw new AppError(code, error ?? 'the run was not started', { details: { task_id: record.id } });
    }
    return startedOf(await this.#parts.lost.resolve(record, 'Network error: the hub that asked is gone'), []);
  }

  async #way(): Promise<{ client: CodegenClient; promptContext: boolean }> {
    const client = await this.#parts.gate.client();
    return { client, promptContext: (await this.#parts.gate.settings()).prompt_context };
  }

  async #ask(
    record: Pick<CodegenRecord, 'id' | 'caller' | 'runId' | 'orchestratorRunId'>,
    { body, operation, send }: { body: RunBody; operation: string; send: () => Promise<CodegenRun> },
  ): Promise<CodegenRecord> {
    const { book, lost, underWay } = this.#parts;
    return await underWay.during(record.id, async () => {
      const stored = await book.open(record, { body, operation, isCounted: true });
      let run: CodegenRun;
      try {
        run = await send();
      } catch (error) {
        // The hub is closing: whoever comes next finds out what became of it.
        this.#foundation.background.signal.throwIfAborted();
        const failure = asAppError(error);
        if (isOutcomeUnknown(error)) return await lost.resolve(stored, failure.message);
        await book.end(stored, { ...body, state: 'failed', error: failure.message });
        throw error;
      }
      return await book.accepted(stored, run);
    });
  }
}

async function repoOf(
  repo: string | undefined,
  { client, signal }: { client: CodegenClient; signal: AbortSignal },
): Promise<{ repoId?: number; warnings: string[] }> {
  if (repo === undefined) return { warnings: [] };
  let found: Awaited<ReturnType<CodegenClient['findRepo']>>;
  try {
    found = await client.findRepo(repo, { signal });
  } catch (error) {
    signal.throwIfAborted();
    const { message } = asAppError(error);
    return { warnings: [`the repositories could not be looked up (${message}): the run knows ${repo} by name only`] };
  }
  if (found.repo) return { repoId: found.repo.id, warnings: [] };
  throw new AppError('REPO_NOT_FOUND', `Repository ${repo} not found`, {
    hint: found.near.length > 0 ? `did you mean ${found.near.join(', ')}?` : 'use a repository of the organization',
    details: { repo, near: [...found.near] },
  });
}

/** The prompt with what the service has no fields for, so that it has an effect. */
function promptOf({ query, repo, branch, pr, task }: NewRunRequest): string {
  const lines = [
    ...(repo === undefined ? [] : [`Repository: ${repo}`]),
    ...(branch === undefined ? [] : [`Branch: ${branch}`]),
    ...(pr === undefined ? [] : [`Pull request: #${pr}`]),
    ...(task === undefined ? [] : [`Task: ${task}`]),
  ];
  return lines.length === 0 ? query : `${query}\n\n${lines.join('\n')}`;
}

const metadataOf = ({ metadata, repo, branch, pr, task, orchestratorRunId }: NewRunRequest): JsonObject =>
  toJsonObject({
    ...metadata,
    command: 'new',
    repo: repo ?? metadata.repo,
    branch: branch ?? metadata.branch,
    pr: pr ?? metadata.pr,
    task_type: task ?? metadata.task_type,
    orchestrator_run_id: orchestratorRunId,
  });

const resumeMetadata = ({ metadata, task, orchestratorRunId }: ResumeRequest): JsonObject =>
  toJsonObject({
    ...metadata,
    command: 'resume',
    task_type: task ?? metadata.task_type,
    orchestrator_run_id: orchestratorRunId,
  });

function startedOf(record: CodegenRecord, warnings: readonly string[]): JsonObject {
  const { state, web_url, metadata } = bodyOf(record);
  return {
    status: 'success',
    task_id: record.id,
    agent_run_id: record.runId,
    state,
    web_url,
    metadata,
    orchestrator_run_id: record.orchestratorRunId,
    ...(warnings.length > 0 && { warnings: [...warnings] }),
  };
}

function notResumable({ id, status }: CodegenRun): AppError {
  const explanation = `Current status: ${status}. Only agent runs with status 'COMPLETE' can be resumed.`;
  return new AppError('RUN_NOT_RESUMABLE', `Agent run ${id} is not in a resumable state`, { details: { explanation } });
}
