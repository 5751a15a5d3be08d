import { Hono } from 'hono';
import { AppError } from '../errors/app-error.ts';
import { errorResponse, responseOf } from './errors.ts';
import { addApiTokenRoutes } from './routes/api-tokens.ts';
import { addArtifactRoutes } from './routes/artifacts.ts';
import type { Api, ApiParts, Bindings } from './routes/context.ts';
import { addCodegenEventRoutes } from './routes/codegen-events.ts';
import { addEventRoutes } from './routes/events.ts';
import { addMetadataRoutes } from './routes/metadata.ts';
import { addSessionEventRoutes } from './routes/session-events.ts';
import { addOperationRoutes } from './routes/operations.ts';
import { addServerRoutes } from './routes/server.ts';
import { addSessionUploadRoutes } from './routes/session-uploads.ts';
import { addSessionRoutes } from './routes/sessions.ts';
import { addStatusRoutes } from './routes/status.ts';
import { addUploadRoutes } from './routes/uploads.ts';
import { addWorkerTokenRoutes } from './routes/worker-tokens.ts';
import { addWorkerRoutes } from './routes/workers.ts';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** Everything that is served beside MCP. */
export function createApi(parts: ApiParts): Api {
  const api: Api = new Hono<{ Bindings: Bindings }>();
  addStatusRoutes(api, parts);
  addOperationRoutes(api, parts);
  addMetadataRoutes(api, parts);
  addEventRoutes(api, parts);
  addCodegenEventRoutes(api, parts);
  addSessionEventRoutes(api, parts);
  addArtifactRoutes(api, parts);
  addUploadRoutes(api, parts);
  addSessionRoutes(api, parts);
  addSessionUploadRoutes(api, parts);
  addServerRoutes(api, parts);
  addApiTokenRoutes(api, parts);
  // Before the routes of a worker, whose id could be anything.
  addWorkerTokenRoutes(api, parts);
  addWorkerRoutes(api, parts);
  api.onError((error, { env: { caller, stepUp } }) => responseOf(error, { log: parts.log, caller, stepUp }));
  api.notFound(context => {
    const { method, path } = context.req;
    const allowed = METHODS.filter(one => api.router.match(one, path)[0].length > 0);
    if (allowed.length === 0) return errorResponse(new AppError('NOT_FOUND', 'no such route'));
    const hint = `allowed here: ${allowed.join(', ')}`;
    const response = errorResponse(new AppError('VALIDATION_ERROR', `${method} is not allowed here`, { hint }), 405);
    response.headers.set('allow', allowed.join(', '));
    return response;
  });
  return api;
}
