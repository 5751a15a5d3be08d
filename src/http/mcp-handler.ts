import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { AuthInfo } from '@modelcontextprotocol/server';
import { authInfoOf } from '../auth/auth-info.ts';
import type { Caller } from '../auth/caller.ts';
import type { Log } from '../log/log.ts';
import { isCutOff, readBody } from './body.ts';
import type { StepUp } from './errors.ts';

/** MCP as a fetch handler; the caller is admitted before it is asked, and `body`, that of a POST, was read and capped. */
export interface McpEndpoint {
  fetch(request: Request, options: { authInfo?: AuthInfo; body?: string; stepUp?: StepUp }): Promise<Response>;
}

export interface McpHandlerParts {
  readonly mcp: McpEndpoint;
  readonly log: Log;
  readonly maxBodyBytes: number;
}

/** Who asks, and how to tell of what the request turned out to be. */
export interface Asking {
  readonly caller: Caller;
  readonly stepUp: StepUp;
  /** The answer goes on until the client ends it. */
  hasNoEnd(): void;
}

export type McpHandler = (request: IncomingMessage, response: ServerResponse, asking: Asking) => void;

/**
 * From Node's request to MCP and back. The body is read here, and handed over as text: put into a web `Request` and taken out
 * again it would go through two streams, which costs more than serving a small call does.
 */
export function createMcpHandler({ mcp, log, maxBodyBytes }: McpHandlerParts): McpHandler {
  const asked = new WeakMap<object, Asking>();
  const listener = getRequestListener(
    async (request, { incoming }) => {
      const asking = asked.get(incoming);
      if (!asking || !isHttp1(incoming)) throw new Error('a request reached MCP without a caller');
      try {
        const authInfo = authInfoOf(asking.caller);
        if (incoming.method !== 'POST') return connectionLeft(await mcp.fetch(request, { authInfo }));
        const body = await readBody(incoming, maxBodyBytes);
        if (body === undefined) return tooLarge(maxBodyBytes);
        if (body.includes(SUBSCRIPTION)) asking.hasNoEnd();
        return connectionLeft(await mcp.fetch(request, { authInfo, body, stepUp: asking.stepUp }));
      } catch (error) {
        // Nobody is there to be answered, and nothing here is at fault.
        if (isCutOff(incoming)) log.debug({ err: error }, 'an MCP request broke off');
        else log.error({ err: error }, 'an MCP request failed');
        return refusal(500, { code: -32603, message: 'Internal server error' });
      }
    },
    { overrideGlobalObjects: false },
  );
  return (request, response, asking) => {
    asked.set(request, asking);
    void listener(request, response);
  };
}

/** Taken from the text: a call that happens to say so is treated like one, which only ends it with its token. */
const SUBSCRIPTION = '"subscriptions/listen"';

const isHttp1 = (incoming: object): incoming is IncomingMessage => 'complete' in incoming;

/** The SDK says of streams that their connection is kept, also to clients that asked for its end: that is left to Node. */
function connectionLeft(response: Response): Response {
  response.headers.delete('connection');
  return response;
}

/** The rest of the body is still on its way, so the connection cannot be used again. */
const tooLarge = (maxBytes: number): Response =>
  refusal(
    413,
    { code: -32000, message: `Payload Too Large: Request body must not exceed ${maxBytes} bytes` },
    { connection: 'close' },
  );

function refusal(
  status: number,
  error: { code: number; message: string },
  headers: Record<string, string> = {},
): Response {
  return Response.json({ jsonrpc: '2.0', error, id: null }, { status, headers });
}
