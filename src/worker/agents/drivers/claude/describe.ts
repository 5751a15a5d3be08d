import type { AgentKind } from '../../../../protocol/sessions.ts';
import { versionOf } from '../version-of.ts';

const abilities = {
  models: [],
  permissionModes: ['default', 'auto', 'plan', 'acceptEdits', 'dontAsk', 'bypassPermissions'],
  capabilities: {
    resume: true,
    fork: true,
    forkAtMessage: true,
    list: true,
    interrupt: true,
    permissions: true,
    denyMessage: true,
    updatedInput: true,
    remember: ['once', 'session', 'always'],
    usage: true,
    cost: true,
    inWorkspace: true,
    denyEndsTurn: false,
  },
} satisfies Pick<AgentKind, 'models' | 'permissionModes' | 'capabilities'>;

/** What can be said without starting a session. Whether somebody is logged in only the program knows: credentials are not looked at. */
export async function describeClaude(
  program: string | undefined,
  { environment, signal }: { environment: Readonly<Record<string, string>>; signal: AbortSignal },
): Promise<AgentKind> {
  const known = { kind: 'claude', name: 'Claude Code', ...abilities };
  if (program === undefined) {
    return { ...known, installed: false, authenticated: 'unknown', reason: 'claude is not installed' };
  }
  const version = await versionOf(program, { environment, signal });
  const authenticated = environment.ANTHROPIC_API_KEY === undefined ? 'unknown' : 'yes';
  const reason = version === undefined ? 'claude --version fails' : undefined;
  return { ...known, installed: true, version, path: program, authenticated, reason };
}
