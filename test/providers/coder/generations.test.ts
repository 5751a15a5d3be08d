import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { byId, coderUnderTest, generations } from './coder-under-test.ts';

const alice = (id: string) => ({ user: 'me', id });

for (const { name, generation } of generations) {
  for (const dialect of ['document', 'servers'] as const) {
    const options = { generation, dialect };

    describe(`a Coder server with ${name}, as ${dialect === 'document' ? 'the API document writes' : 'servers write'}`, () => {
      test('is found out without configuration, and asked once', async t => {
        const { fake, provider, signal, add, routes } = await coderUnderTest(t, options);
        const { id } = add('idle');
        const agents = await provider.list({ includeInactive: false, signal });
        assert.deepEqual(
          agents.map(agent => agent.id),
          [id],
        );
        const probes = fake.requests.length;
        await provider.list({ includeInactive: false, signal });
        assert.equal(fake.count(routes.list), fake.requests.filter(each => each.route === routes.list).length);
        assert.ok(fake.requests.length - probes <= 1, 'the second list is one request');
      });

      test('lists agents with their statuses, and what may be asked of them', async t => {
        const { provider, signal, add, routes } = await coderUnderTest(t, options);
        const statuses = ['idle', 'busy', 'error', 'stopped', ...offlineWhere(routes.list)] as const;
        const added = statuses.map(status => ({ status, id: add(status).id }));
        const agents = await provider.list({ includeInactive: false, signal });
        for (const { status, id } of added) assert.equal(byId(agents, id)?.status, status);
        const [idle, busy, error, , offline = []] = added.map(({ id }) => byId(agents, id)?.capabilities ?? []);
        assert.ok(idle?.includes('send_input') && idle.includes('delete') && idle.includes('logs'));
        assert.ok(busy?.includes('pause'));
        assert.ok(!error?.includes('send_input') && !offline.includes('send_input'));
      });

      test('tells of one agent what the list tells', async t => {
        const { provider, signal, add } = await coderUnderTest(t, options);
        const { id, workspaceId } = add('busy', { name: 'docs', prompt: 'Write the docs' });
        const agent = await provider.get(alice(id), { signal });
        const listed = byId(await provider.list({ includeInactive: false, signal }), id);
        assert.deepEqual({ ...agent, initialPrompt: null }, { ...listed, initialPrompt: null });
        assert.equal(agent.initialPrompt, 'Write the docs');
        assert.equal(agent.user, 'alice');
        assert.equal(agent.workspaceId, workspaceId);
        assert.equal(agent.createdAt, '2026-03-01T12:00:00Z');
        assert.equal(agent.provider, 'coder');
      });

      test('finds an agent by its name and by that of its workspace', async t => {
        const { fake, provider, signal, add } = await coderUnderTest(t, options);
        const { id, workspaceId } = add('idle', { name: 'docs' });
        assert.equal((await provider.findByName({ user: 'me', name: 'docs', signal }))?.id, id);
        const workspace = fake.fleet.workspace(workspaceId);
        assert.ok(workspace);
        workspace.name = 'elsewhere';
        assert.equal((await provider.findByName({ user: 'alice', name: 'elsewhere', signal }))?.id, id);
        assert.equal(await provider.findByName({ user: 'bob', name: 'docs', signal }), undefined);
        assert.equal(await provider.findByName({ user: 'me', name: 'doc', signal }), undefined);
      });

      test('an id that nobody has is AGENT_NOT_FOUND, for each thing that is asked of it, also where the server says Invalid UUID', async t => {
        const { fake, provider, signal, routes } = await coderUnderTest(t, options);
        for (const id of [randomUUID(), 'nonexistent-agent-id-12345']) {
          const details = { user: 'someone', agent_id: id };
          const expected = { code: 'AGENT_NOT_FOUND', message: `Agent not found: ${id}`, details };
          const agent = { user: 'someone', id };
          const says = () => {
            if (routes.get.includes('tasks')) fake.next(routes.get, invalidUuid(id));
          };
          says();
          await assert.rejects(provider.get(agent, { signal }), expected);
          says();
          await assert.rejects(provider.logs(agent, { source: 'task', signal }), expected);
          says();
          await assert.rejects(provider.send(agent, { text: 'hi', interrupt: false, signal }), expected);
        }
        assert.equal(fake.changes().length, 0);
      });

      test('sends input to an idle agent once', async t => {
        const { fake, provider, signal, add, routes } = await coderUnderTest(t, options);
        const { id } = add('idle');
        await provider.send(alice(id), { text: 'go on', interrupt: false, signal });
        assert.equal(fake.count(routes.send), 1);
        const { entries } = await provider.logs(alice(id), { source: 'task', signal });
        const last = entries.at(-1);
        assert.equal(last?.message, 'go on');
        assert.equal(last?.metadata.type, 'input');
        assert.equal(last?.level, 'info');
        assert.equal(last?.agentId, id);
      });

      test('creates an agent from a template, in a workspace of that name', async t => {
        const { fake, provider, signal, routes } = await coderUnderTest(t, options);
        const request = { user: 'me', name: 'new-one', prompt: 'Do it', template: 'python-dev' };
        const agent = await provider.create(request, { signal });
        assert.equal(agent.initialPrompt, 'Do it');
        assert.equal(agent.workspaceName, 'new-one');
        assert.equal(fake.count(routes.create), 1);
        assert.equal((await provider.findByName({ user: 'me', name: 'new-one', signal }))?.id, agent.id);
        assert.equal((await provider.findCreated(request, { signal }))?.id, agent.id);
        assert.equal(await provider.findCreated({ ...request, prompt: 'Other' }, { signal }), undefined);
      });

      test('creates an agent with parameters in a workspace that is made with them', async t => {
        const { fake, provider, signal } = await coderUnderTest(t, options);
        const agent = await provider.create(
          { user: 'me', name: 'big', prompt: 'Do it', template: 'python-dev', parameters: { cpus: 4, region: 'eu' } },
          { signal },
        );
        const workspace = fake.fleet.workspace(agent.workspaceId ?? '');
        assert.equal(workspace?.name, 'big');
        assert.equal(workspace?.parameters.cpus, '4');
        assert.equal(workspace?.parameters.region, 'eu');
        assert.equal(agent.initialPrompt, 'Do it');
      });

      test('without a template an unknown workspace is WORKSPACE_NOT_FOUND, with an unknown one TEMPLATE_NOT_FOUND', async t => {
        const { fake, provider, signal } = await coderUnderTest(t, options);
        const request = { user: 'alice', name: 'nowhere', prompt: 'Do it' };
        await assert.rejects(provider.create(request, { signal }), {
          code: 'WORKSPACE_NOT_FOUND',
          message: 'Workspace not found: nowhere',
          details: { workspace_name: 'nowhere', user: 'alice' },
        });
        await assert.rejects(provider.create({ ...request, template: 'haskell' }, { signal }), {
          code: 'TEMPLATE_NOT_FOUND',
          details: { template_name: 'haskell', templates: ['bare', 'python-dev'] },
        });
        assert.equal(fake.changes().length, 0);
      });

      test('deletes a workspace with one build, and again with none', async t => {
        const { fake, provider, signal, add } = await coderUnderTest(t, options);
        const { workspaceId } = add('busy');
        const build = 'post /api/v2/workspaces/{workspace}/builds';
        const done = await provider.deleteWorkspace({ workspaceId, signal });
        assert.equal(done.workspaceId, workspaceId);
        const orders = fake.requests.filter(({ route }) => route === build);
        assert.deepEqual(
          orders.map(({ body }) => body),
          [{ transition: 'delete' }],
        );
        await provider.deleteWorkspace({ workspaceId, signal });
        assert.equal(fake.count(build), 1);
        assert.equal(fake.fleet.workspace(workspaceId)?.status, 'deleting');
      });

      test('a workspace that nobody has is WORKSPACE_NOT_FOUND', async t => {
        const { provider, signal } = await coderUnderTest(t, options);
        for (const workspaceId of [randomUUID(), 'no-uuid'])
          await assert.rejects(provider.deleteWorkspace({ workspaceId, signal }), {
            code: 'WORKSPACE_NOT_FOUND',
            message: `Workspace not found: ${workspaceId}`,
          });
      });

      test('pauses an agent at work', async t => {
        const { provider, signal, add } = await coderUnderTest(t, options);
        const { id } = add('busy');
        await provider.pause(alice(id), { signal });
        const { status } = await provider.get(alice(id), { signal });
        assert.equal(status, generation.tasks === null ? 'idle' : 'stopped');
        await provider.pause(alice(id), { signal });
      });
    });
  }
}

const invalidUuid = (id: string) => ({ status: 400, body: { message: `Invalid UUID "${id}".` } });

/** No chat says that it is offline. */
const offlineWhere = (list: string): readonly 'offline'[] => (list.includes('chats') ? [] : ['offline']);
