import type { AuthInfo } from '@modelcontextprotocol/server';
import type { Caller } from './caller.ts';

/** A caller in the form in which the MCP SDK carries one. The token stays behind: nothing past the edge needs it. */
export function authInfoOf(caller: Caller): AuthInfo {
  const known = infos.get(caller);
  if (known) return known;
  const info: AuthInfo = { token: '', clientId: caller.id, scopes: [...caller.scopes] };
  infos.set(caller, info);
  callers.set(info, caller);
  return info;
}

/** The caller that `authInfoOf` was given. */
export function callerOf(info: AuthInfo): Caller {
  return callers.get(info) ?? { id: info.clientId, scopes: new Set(info.scopes), teams: new Set<string>() };
}

const infos = new WeakMap<Caller, AuthInfo>();
const callers = new WeakMap<AuthInfo, Caller>();
