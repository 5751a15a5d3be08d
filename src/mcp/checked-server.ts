import {
  type JSONRPCRequest,
  ProtocolError,
  ProtocolErrorCode,
  type Result,
  Server,
  type ServerContext,
  type ServerOptions,
  specTypeSchemas,
} from '@modelcontextprotocol/server';
import type { Log } from '../log/log.ts';

type Handler = (request: JSONRPCRequest, context: ServerContext) => Promise<Result>;

/** Requests that the SDK answers, or looks at before our handlers do. */
const REQUESTS = {
  initialize: specTypeSchemas.InitializeRequest,
  ping: specTypeSchemas.PingRequest,
  'tools/list': specTypeSchemas.ListToolsRequest,
  'tools/call': specTypeSchemas.CallToolRequest,
} as const;

const MOST_FAULTS = 3;
const MOST_CHARACTERS = 300;

/**
 * The SDK's server, but for what a client is told whose parameters do not fit: the SDK calls that an internal error and gives the
 * words of its schemas. Here it is -32602 and what to mend; of anything that nobody foresaw a client learns nothing.
 */
export class CheckedServer extends Server {
  readonly #log: Log;

  constructor(
    info: ConstructorParameters<typeof Server>[0],
    { log, ...options }: ServerOptions & { readonly log: Log },
  ) {
    super(info, options);
    this.#log = log;
  }

  protected override _wrapHandler(method: string, handler: Handler): Handler {
    const inner = super._wrapHandler(method, handler);
    return async (request, context) => {
      try {
        return await inner(request, context);
      } catch (error) {
        // What fits is not looked at twice: only who failed is asked what was wrong.
        const faults = faultsIn(method, request);
        if (faults !== undefined)
          throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Invalid params for ${method}: ${faults}`);
        if (error instanceof ProtocolError) throw error;
        this.#log.error({ err: error, method }, 'an MCP request failed');
        throw new ProtocolError(ProtocolErrorCode.InternalError, 'Internal error');
      }
    };
  }
}

/** What is wrong with the parameters, in words; undefined: nothing that is known here. */
function faultsIn(method: string, request: JSONRPCRequest): string | undefined {
  if (!isKnown(method)) return undefined;
  const { issues } = REQUESTS[method]['~standard'].validate({ method, params: request.params });
  if (issues === undefined) return undefined;
  const faults = issues.slice(0, MOST_FAULTS).map(({ path = [], message }) => {
    const keys = path.map(part => String(typeof part === 'object' ? part.key : part)).filter(key => key !== 'params');
    return [...(keys.length > 0 ? [keys.join('.')] : []), message.replace(/^Invalid input: /, '')].join(': ');
  });
  return faults.join('; ').slice(0, MOST_CHARACTERS);
}

const isKnown = (method: string): method is keyof typeof REQUESTS => Object.hasOwn(REQUESTS, method);
