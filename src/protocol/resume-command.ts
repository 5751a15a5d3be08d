/** How each agent that has a terminal program goes on with a session there. */
const PROGRAMS: ReadonlyMap<string, string> = new Map([
  ['claude', 'claude --resume'],
  ['codex', 'codex resume'],
  ['gemini', 'gemini --resume'],
  ['opencode', 'opencode --session'],
]);

/** What a user types in a terminal to go on with a session; empty for an agent that has no terminal program. */
export function resumeCommand(
  agent: string,
  { agentSessionId, cwd }: { readonly agentSessionId: string; readonly cwd: string },
): string {
  const program = PROGRAMS.get(agent);
  if (program === undefined) return '';
  const command = `${program} ${quoted(agentSessionId)}`;
  return cwd === '' ? command : `cd ${quoted(cwd)} && ${command}`;
}

/** As one word of a shell's command line. */
const quoted = (text: string): string => (/^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
