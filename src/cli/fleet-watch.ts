import type { Command } from 'commander';
import type { Operation } from '../operations/operation.ts';
import { follow } from './follow.ts';
import type { Terminal } from './output.ts';
import type { Flags, Roles } from './program.ts';

interface Parts {
  readonly operations: readonly Operation[];
  readonly roles: Pick<Roles, 'connect'>;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  flagsOf(command: Command): Flags;
}

/** `fleet watch`: what becomes of agents, a line each, until it is interrupted. */
export function addFleetWatch(group: Command, { operations, roles, terminal, signal, flagsOf }: Parts): void {
  const poll = operations.find(({ name }) => name === 'poll_events');
  if (poll === undefined) return;
  const command = group
    .command('watch')
    .description('print what becomes of agents, until interrupted')
    .option('--agent-ids <ids...>', 'only of these agents')
    .option('--severity-min <severity>', 'info, warning or critical: only this severe, or more')
    .option('--json', 'print each event as JSON')
    .addHelpText('after', '\nExamples:\n  boxswain fleet watch --severity-min warning');
  command.action(async (typed: Record<string, unknown>) => {
    const client = await roles.connect(flagsOf(command), 'fleet');
    const filters = {
      ...(Array.isArray(typed.agentIds) && { agent_ids: typed.agentIds }),
      ...(typed.severityMin !== undefined && { severity_min: typed.severityMin }),
    };
    const call = { signal, report: () => {} };
    try {
      await follow(client, poll, {
        args: { stream: 'fleet', ...filters },
        call,
        terminal,
        asJson: typed.json === true,
      });
    } finally {
      await client.close();
    }
  });
}
