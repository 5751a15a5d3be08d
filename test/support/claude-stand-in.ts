import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Stands for the `claude` of a user as far as it tells which sessions are open in terminals, by what `open.json` in the home says; it
 * drives none. Answers the path of the program.
 */
export async function writeClaudeStandIn(folder: string): Promise<string> {
  const program = join(folder, 'claude');
  const script = ['#!/bin/sh', '[ "$1" = agents ] || exit 1', 'cat "$HOME/open.json" 2>/dev/null || echo "[]"', ''];
  await writeFile(program, script.join('\n'), { mode: 0o755 });
  return program;
}

/** From now on these are open in terminals of the user in whose home `write` writes, by a program that lives as long as this one. */
export async function openInTerminals(
  write: (path: string, content: string) => Promise<unknown>,
  sessionIds: readonly string[],
): Promise<void> {
  const startedAt = Date.now();
  const open = sessionIds.map(sessionId => ({ sessionId, pid: process.pid, status: 'idle', startedAt }));
  await write('open.json', JSON.stringify(open));
  // One of its own files of open sessions, whose names, sizes and times are what is looked at.
  await write('.claude/sessions/1.json', JSON.stringify(open));
}
