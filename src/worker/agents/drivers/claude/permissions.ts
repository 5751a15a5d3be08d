import type { CanUseTool, PermissionResult, PermissionUpdate } from '@anthropic-ai/claude-agent-sdk';
import { z } from 'zod';
import { json } from '../../../../protocol/json.ts';
import type { Remember } from '../../../../protocol/sessions.ts';
import type { DriverHost, PermissionAnswer } from '../../driver.ts';

const jsonObject = z.record(z.string(), json);

/** Claude Code's question for leave as the broker's, and its answer back. */
export const askHost =
  (host: DriverHost): CanUseTool =>
  async (toolName, input, { requestId, signal, suggestions = [], title, description, suppressAlwaysAllowRule }) => {
    const question = {
      requestId,
      toolName,
      description: title ?? [toolName, description].filter(Boolean).join(' '),
      input: jsonObject.parse(input),
      remember: rememberable(suggestions, suppressAlwaysAllowRule === true),
    };
    return resultOf(await host.ask(question, signal), { input, suggestions });
  };

/** A change of mode holds for a session only; rules can be kept with the project. */
function rememberable(suggestions: readonly PermissionUpdate[], isOnceOnly: boolean): Remember[] {
  if (isOnceOnly || suggestions.length === 0) return ['once'];
  return suggestions.every(({ type }) => type !== 'setMode') ? ['once', 'session', 'always'] : ['once', 'session'];
}

function resultOf(
  answer: PermissionAnswer,
  asked: { input: Record<string, unknown>; suggestions: readonly PermissionUpdate[] },
): PermissionResult {
  if (answer.behavior === 'cancelled') return { behavior: 'deny', message: 'The turn was stopped.', interrupt: true };
  if (answer.behavior === 'deny') return { behavior: 'deny', message: answer.message };
  const updatedInput = answer.updatedInput ?? asked.input;
  if (answer.remember === 'once') return { behavior: 'allow', updatedInput };
  const destination = answer.remember === 'always' ? 'localSettings' : 'session';
  const updatedPermissions = asked.suggestions.map(suggestion => ({ ...suggestion, destination }) as const);
  return { behavior: 'allow', updatedInput, updatedPermissions };
}
