import type { Client } from '../client.ts';
import { claudeCode } from './claude-code.ts';
import { claudeDesktop } from './claude-desktop.ts';
import { codex } from './codex.ts';
import { copilotCli } from './copilot-cli.ts';
import { cursor } from './cursor.ts';
import { geminiCli } from './gemini-cli.ts';
import { opencode } from './opencode.ts';
import { vsCode } from './vs-code.ts';
import { zed } from './zed.ts';

/** Every client that `boxswain init` knows, in the order in which they are shown. */
export const clients: readonly Client[] = [
  ...[claudeCode, claudeDesktop, cursor, vsCode, copilotCli, codex, geminiCli, opencode, zed],
];
