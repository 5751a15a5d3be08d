import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { FAKE_TIME, type FakeFleet, type FakeWorkspace } from './fleet.ts';
import { conflict, type Handler, invalid, notFound, notUuid, wordsOf } from './routes.ts';
import { startTask } from './tasks.ts';

const newWorkspace = z.object({
  name: z.string(),
  template_version_id: z.string(),
  rich_parameter_values: z.array(z.object({ name: z.string(), value: z.string() })).optional(),
});
const STATUS_AFTER = { start: 'running', stop: 'stopped', delete: 'deleting' } as const;

type Build = FakeWorkspace['builds'][number];

export function orderBuild(workspace: FakeWorkspace, transition: Build['transition']): Build {
  const build = { id: randomUUID(), transition };
  workspace.builds.push(build);
  workspace.status = STATUS_AFTER[transition];
  return build;
}

export const buildBody = ({ id, transition }: Build, workspace: FakeWorkspace) => ({
  id,
  transition,
  status: workspace.status,
  workspace_id: workspace.id,
  workspace_name: workspace.name,
  build_number: workspace.builds.length,
  created_at: FAKE_TIME,
});

function workspaceBody(workspace: FakeWorkspace, fleet: FakeFleet): Record<string, unknown> {
  const latest = workspace.builds.at(-1);
  return {
    id: workspace.id,
    name: workspace.name,
    owner_name: workspace.owner,
    owner_id: fleet.user(workspace.owner)?.id,
    organization_id: fleet.organizationId,
    template_id: workspace.templateId,
    latest_build: latest && buildBody(latest, workspace),
    created_at: FAKE_TIME,
  };
}

const isThere = ({ status }: FakeWorkspace): boolean => status !== 'deleted';

export const workspaceRoutes: Readonly<Record<string, Handler>> = {
  'get /api/v2/users/{user}': ({ fleet, parameters: { user = '' } }) => {
    const found = fleet.user(user);
    const body = found && {
      ...found,
      email: `${found.username}@example.com`,
      created_at: FAKE_TIME,
      organization_ids: [fleet.organizationId],
    };
    return body ? { status: 200, body } : notFound;
  },
  'get /api/v2/templates': ({ fleet }) => ({
    status: 200,
    body: fleet.templates.map(({ id, name, versionId, organizationId, organizationName }) => ({
      id,
      name,
      active_version_id: versionId,
      organization_id: organizationId,
      organization_name: organizationName,
    })),
  }),
  'get /api/v2/workspaces': ({ fleet, url }) => {
    const { owner, name } = wordsOf(url);
    const user = owner === undefined ? undefined : fleet.user(owner)?.username;
    const found = fleet.workspaces
      .filter(isThere)
      .filter(workspace => owner === undefined || workspace.owner === user)
      .filter(workspace => name === undefined || workspace.name.includes(name));
    const offset = Number(url.searchParams.get('offset') ?? 0);
    const limit = Math.min(400, Number(url.searchParams.get('limit') ?? 400));
    const page = found.slice(offset, offset + limit).map(workspace => workspaceBody(workspace, fleet));
    return { status: 200, body: { count: found.length, workspaces: page } };
  },
  'get /api/v2/workspaces/{workspace}': ({ fleet, parameters: { workspace: id = '' } }) => {
    const workspace = fleet.workspace(id);
    return notUuid(id) ?? (workspace ? { status: 200, body: workspaceBody(workspace, fleet) } : notFound);
  },
  'post /api/v2/users/{user}/workspaces': ({ fleet, parameters: { user = '' }, body }) => {
    const { name, template_version_id: version, rich_parameter_values: values = [] } = newWorkspace.parse(body);
    const owner = fleet.user(user)?.username;
    const template = fleet.templates.find(({ versionId }) => versionId === version);
    if (owner === undefined) return notFound;
    if (!template)
      return invalid('Invalid template version.', [{ field: 'template_version_id', detail: 'does not exist' }]);
    if (fleet.workspaces.some(each => isThere(each) && each.owner === owner && each.name === name))
      return conflict(`Workspace "${name}" already exists.`);
    const parameters = Object.fromEntries(values.map(each => [each.name, each.value]));
    const workspace = fleet.addWorkspace({ name, owner, templateId: template.id, parameters });
    const prompt = parameters['AI Prompt'];
    if (prompt !== undefined && template.makesTasks)
      startTask(fleet, { name, owner, prompt, workspaceId: workspace.id, templateName: template.name });
    return { status: 200, body: workspaceBody(workspace, fleet) };
  },
  'post /api/v2/workspaces/{workspace}/builds': ({ fleet, parameters: { workspace: id = '' }, body }) => {
    const { transition } = z.object({ transition: z.enum(['start', 'stop', 'delete']) }).parse(body);
    const workspace = fleet.workspace(id);
    const refused = notUuid(id);
    if (refused) return refused;
    if (!workspace) return notFound;
    if (workspace.isBuilding === true) return conflict('A workspace build is already active.');
    return { status: 200, body: buildBody(orderBuild(workspace, transition), workspace) };
  },
  'get /api/v2/workspaceagents/{workspaceagent}/logs': ({ fleet, parameters: { workspaceagent: id = '' } }) =>
    notUuid(id) ?? { status: 200, body: fleet.agentLogs.get(id) ?? [] },
};
