import { methods } from '@agentclientprotocol/sdk';
import { z } from 'zod';
import { AppError } from '../../../../errors/app-error.ts';
import type { OpenRequest } from '../../driver.ts';
import { agentUnavailable } from '../../unavailable.ts';
import type { AcpProcess } from './acp-process.ts';
import type { AcpAgent } from './known-agents.ts';

const MODEL = 'model';
const AUTH_REQUIRED = -32000;

const openedSchema = z
  .looseObject({
    sessionId: z.string().optional(),
    modes: z.looseObject({ currentModeId: z.string() }).nullish(),
    models: z
      .looseObject({ currentModelId: z.string(), availableModels: z.array(z.looseObject({ modelId: z.string() })) })
      .nullish(),
    configOptions: z
      .array(z.looseObject({ id: z.string(), category: z.string().nullish(), currentValue: z.unknown() }))
      .nullish(),
  })
  .nullish()
  .transform(opened => opened ?? {});
type Opened = z.output<typeof openedSchema>;

const errorSchema = z.looseObject({ code: z.number(), message: z.string() });

/** Opens a session as asked: new, or gone on with, in the mode and with the model. The agent's id of it and its model. */
export async function openSession(
  process: AcpProcess,
  request: Pick<OpenRequest, 'cwd' | 'resume' | 'model' | 'permissionMode'>,
  agent: AcpAgent,
): Promise<{ agentSessionId: string; model?: string }> {
  const { cwd, resume, model, permissionMode } = request;
  const modeId = agent.modes[permissionMode];
  if (modeId === undefined) throw lacks(agent, `permission_mode ${permissionMode}`);
  const opened = resume === undefined ? await begin(process, cwd, agent) : await goOn(process, { cwd, resume }, agent);
  const agentSessionId = resume ?? z.string().parse(opened.sessionId);
  if (modeId !== '' && modeId !== opened.modes?.currentModeId) {
    await process.request(methods.agent.session.setMode, { sessionId: agentSessionId, modeId });
  }
  if (model !== undefined) await chooseModel(process, { agentSessionId, model, opened }, agent);
  return { agentSessionId, model: model ?? modelOf(opened) };
}

async function begin(process: AcpProcess, cwd: string, agent: AcpAgent): Promise<Opened> {
  try {
    return openedSchema.parse(await process.request(methods.agent.session.new, { cwd, mcpServers: [] }));
  } catch (error) {
    throw refused(error, agent) ?? unavailable(agent, 'it opens no session');
  }
}

/** What is the same whatever was asked for; undefined when the agent simply refused. */
function refused(error: unknown, agent: AcpAgent): unknown {
  const told = errorSchema.safeParse(error).data;
  if (error instanceof AppError || told === undefined) return error;
  if (told.code !== AUTH_REQUIRED) return undefined;
  return agentUnavailable(agent.kind, {
    reason: 'nobody is logged in',
    hint: `log in with ${agent.name} in a terminal on the worker`,
  });
}

async function goOn(
  process: AcpProcess,
  { cwd, resume }: { cwd: string; resume: string },
  agent: AcpAgent,
): Promise<Opened> {
  const { loadSession, sessionCapabilities } = process.hello.agentCapabilities ?? {};
  const method = sessionCapabilities?.resume ? methods.agent.session.resume : methods.agent.session.load;
  if (agent.cannotResume || (!sessionCapabilities?.resume && loadSession !== true)) throw lacks(agent, 'resume');
  try {
    return openedSchema.parse(await process.request(method, { sessionId: resume, cwd, mcpServers: [] }));
  } catch (error) {
    // Agents have no common word for what they do not know.
    const notFound = new AppError('SESSION_NOT_FOUND', `Session not found: ${agent.name} cannot go on with it`);
    throw refused(error, agent) ?? notFound;
  }
}

async function chooseModel(
  process: AcpProcess,
  { agentSessionId, model, opened }: { agentSessionId: string; model: string; opened: Opened },
  agent: AcpAgent,
): Promise<void> {
  const option = opened.configOptions?.find(({ id, category }) => (category ?? id) === MODEL);
  const isOffered = opened.models?.availableModels.some(({ modelId }) => modelId === model) === true;
  if (option === undefined && !isOffered) throw lacks(agent, `model ${model}`);
  const request =
    option === undefined
      ? { method: 'session/set_model', params: { sessionId: agentSessionId, modelId: model } }
      : {
          method: methods.agent.session.setConfigOption,
          params: { sessionId: agentSessionId, configId: option.id, value: model },
        };
  await process.request(request.method, request.params).catch(error => {
    if (error instanceof AppError) throw error;
    throw lacks(agent, `model ${model}`);
  });
}

function modelOf({ configOptions, models }: Opened): string | undefined {
  const option = configOptions?.find(({ id, category }) => (category ?? id) === MODEL);
  return typeof option?.currentValue === 'string' ? option.currentValue : models?.currentModelId;
}

export const lacks = (agent: AcpAgent, feature: string): AppError =>
  new AppError('CAPABILITY_UNSUPPORTED', `${agent.kind} does not support ${feature}`);

export const unavailable = (agent: AcpAgent, reason: string): AppError =>
  agentUnavailable(agent.kind, { reason, hint: `install ${agent.name}, and log in with it in a terminal` });
