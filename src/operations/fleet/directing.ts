import { z } from 'zod';
import { defineOperation } from '../define.ts';
import { failureEnvelope } from './failure.ts';
import { agentId, deleting, provider, user } from './inputs.ts';
import { viewAgent } from './views.ts';

const directing = (verb: 'pause' | 'resume' | 'interrupt', about: { title: string; description: string }) =>
  defineOperation({
    ...about,
    name: `${verb}_agent`,
    toolset: 'fleet',
    input: z.strictObject({ ...user, agent_id: agentId, ...provider }),
    output: z.looseObject({ success: z.boolean(), data: z.looseObject({}).optional() }),
    hints: { ...deleting, destructive: verb === 'interrupt' },
    scope: 'fleet:write',
    isTool: false,
    cli: { words: ['fleet', verb], positional: 'agent_id', examples: [`boxswain fleet ${verb} AGENT_ID`] },
    failure: failureEnvelope,
    async run({ agent_id: id, user: owner, provider: asked }, context) {
      const agent = await context.hub.fleet.desk.direct({ id, user: owner, provider: asked }, verb, context);
      return { success: true, data: viewAgent(agent) };
    },
  });

/** For people and programs, not for models. */
export const pauseAgent = directing('pause', {
  title: 'Pause agent',
  description: 'Stop the machine of an agent; what it knows stays.',
});
export const resumeAgent = directing('resume', {
  title: 'Resume agent',
  description: 'Start the machine of a paused agent again.',
});
export const interruptAgent = directing('interrupt', {
  title: 'Interrupt agent',
  description: 'Let an agent break off what it is doing.',
});
