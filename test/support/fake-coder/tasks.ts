import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { FAKE_TIME, type FakeFleet, type FakeTask, type FakeWorkspace } from './fleet.ts';
import { type Asked, type Answer, conflict, type Handler, invalid, notFound, wordsOf } from './routes.ts';
import { buildBody, orderBuild } from './workspaces.ts';

const newTask = z.object({
  input: z.string(),
  name: z.string().optional(),
  display_name: z.string().optional(),
  template_version_id: z.string(),
  template_version_preset_id: z.string().optional(),
});

const nullUuid = (id: string | undefined) => ({
  uuid: id ?? '00000000-0000-0000-0000-000000000000',
  valid: id !== undefined,
});

function taskBody(task: FakeTask, fleet: FakeFleet): Record<string, unknown> {
  const workspace = fleet.workspace(task.workspaceId);
  const template = fleet.templates.find(({ name }) => name === task.templateName);
  return {
    id: task.id,
    name: task.name,
    display_name: task.displayName ?? task.name,
    organization_id: fleet.organizationId,
    owner_id: fleet.user(task.owner)?.id,
    owner_name: task.owner,
    initial_prompt: task.prompt,
    status: task.status,
    current_state: task.state,
    template_id: template?.id,
    template_name: task.templateName,
    template_version_id: template?.versionId,
    workspace_id: nullUuid(task.workspaceId),
    workspace_name: workspace?.name,
    workspace_status: workspace?.status,
    workspace_build_number: workspace?.builds.length,
    workspace_agent_id: nullUuid(task.agentId),
    workspace_agent_lifecycle: task.lifecycle,
    workspace_agent_health: task.healthy === undefined ? undefined : { healthy: task.healthy, reason: '' },
    created_at: task.createdAt,
    updated_at: task.updatedAt,
  };
}

/** A task by id or by name of an owner. */
function find({ fleet, parameters: { user = '', task = '' } }: Asked): FakeTask | undefined {
  const owner = fleet.user(user)?.username;
  return fleet.tasks.find(({ id, name, owner: own }) => own === owner && (id === task || name === task));
}

const onTask =
  (act: (task: FakeTask, asked: Asked) => Answer): Handler =>
  asked => {
    const task = find(asked);
    return task ? act(task, asked) : notFound;
  };

const turned = (workspace: FakeWorkspace | undefined, transition: 'start' | 'stop'): Answer =>
  workspace
    ? { status: 202, body: { workspace_build: buildBody(orderBuild(workspace, transition), workspace) } }
    : notFound;

/** As the server makes it: on its way up, with no word from its agent yet. */
export function startTask(fleet: FakeFleet, more: Partial<FakeTask>): FakeTask {
  return fleet.addTask({
    status: 'initializing',
    state: undefined,
    lifecycle: 'starting',
    healthy: undefined,
    ...more,
  });
}

export const taskRoutes: Readonly<Record<string, Handler>> = {
  'get /api/v2/tasks': ({ fleet, url }) => {
    const { owner } = wordsOf(url);
    const user = owner === undefined ? undefined : fleet.user(owner)?.username;
    const tasks = fleet.tasks.filter(task => owner === undefined || task.owner === user);
    return { status: 200, body: { count: tasks.length, tasks: tasks.map(task => taskBody(task, fleet)) } };
  },
  'post /api/v2/tasks/{user}': ({ fleet, parameters: { user = '' }, body }) => {
    const { input, name = `task-${randomUUID().slice(0, 8)}`, ...more } = newTask.parse(body);
    const owner = fleet.user(user)?.username;
    const template = fleet.templates.find(({ versionId }) => versionId === more.template_version_id);
    if (owner === undefined) return notFound;
    if (!template)
      return invalid('Invalid template version.', [{ field: 'template_version_id', detail: 'does not exist' }]);
    if (fleet.tasks.some(task => task.owner === owner && task.name === name))
      return conflict(`Task "${name}" already exists.`);
    const task = startTask(fleet, {
      name,
      owner,
      prompt: input,
      templateName: template.name,
      displayName: more.display_name,
      presetId: more.template_version_preset_id,
      createdAt: FAKE_TIME,
    });
    return { status: 201, body: taskBody(task, fleet) };
  },
  'get /api/v2/tasks/{user}/{task}': onTask((task, { fleet }) => ({ status: 200, body: taskBody(task, fleet) })),
  'get /api/v2/tasks/{user}/{task}/logs': onTask(task => {
    if (task.status === 'pending' || task.status === 'initializing')
      return conflict('Cannot fetch logs for a task that is starting.');
    const snapshot = task.status === 'paused' ? { snapshot: true, snapshot_at: task.updatedAt } : { snapshot: false };
    return { status: 200, body: { logs: task.logs, ...snapshot } };
  }),
  'post /api/v2/tasks/{user}/{task}/send': onTask((task, { body }) => {
    const { input } = z.object({ input: z.string() }).parse(body);
    if (task.status !== 'active' && task.status !== 'running')
      return conflict(`Task is ${task.status}, it must be active.`);
    task.logs.push({ id: task.logs.length, content: input, time: FAKE_TIME, type: 'input' });
    return { status: 204 };
  }),
  'post /api/v2/tasks/{user}/{task}/pause': onTask((task, { fleet, generation }) => {
    if (generation.tasks !== 'v2') return notFound;
    if (task.status === 'paused') return conflict('Task is paused already.');
    task.status = 'paused';
    return turned(fleet.workspace(task.workspaceId), 'stop');
  }),
  'post /api/v2/tasks/{user}/{task}/resume': onTask((task, { fleet, generation }) => {
    if (generation.tasks !== 'v2') return notFound;
    if (task.status !== 'paused') return conflict('Task is not paused.');
    Object.assign(task, { status: 'initializing', lifecycle: 'starting', state: undefined });
    return turned(fleet.workspace(task.workspaceId), 'start');
  }),
};
