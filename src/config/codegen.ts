import type { Config } from './config.ts';

/** Whether the tools for Codegen are listed: with a token, or because somebody asks for them by name. */
export function offersCodegen({ codegen, toolsets }: Pick<Config, 'codegen' | 'toolsets'>): boolean {
  const hasToken = codegen.api_token !== undefined || codegen.api_token_file !== undefined;
  return toolsets.includes('codegen') || (toolsets.length === 0 && hasToken);
}

/** Whether commands are answered on `/mcp`: also before there is a token, which is how one is set there. */
export const takesCommands = ({ toolsets }: Pick<Config, 'toolsets'>): boolean =>
  toolsets.length === 0 || toolsets.includes('codegen');
