import { AppError } from '../../errors/app-error.ts';
import { renderMetrics } from '../../telemetry/metrics.ts';
import { errorResponse } from '../errors.ts';
import { readinessOf } from '../health.ts';
import type { Api, ApiParts } from './context.ts';

/** What is not an operation: is it there, is it ready, what has it done, and what is it. */
export function addStatusRoutes(api: Api, { hub, log, operations }: ApiParts): void {
  api.get('/healthz', context => context.json({ status: 'ok' }));
  api.get('/readyz', async context => {
    const { isReady, facts } = await readinessOf(hub, log);
    return context.json(facts, isReady ? 200 : 503);
  });
  api.get('/metrics', async () => {
    const { contentType, body } = await renderMetrics();
    return new Response(body, { headers: { 'content-type': contentType } });
  });
  api.get('/', context => {
    context.header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
    return context.html(pageOf(operations.length));
  });
  for (const path of ['/mcp/sse', '/mcp/message']) api.all(path, () => gone(path));
}

function gone(path: string): Response {
  const error = new AppError('NOT_FOUND', `${path} belongs to the HTTP+SSE transport of 2024, which is not served`, {
    hint: 'connect to /mcp, which serves Streamable HTTP',
  });
  return errorResponse(error, 410);
}

const pageOf = (count: number): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Boxswain</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto; padding: 0 1rem; color-scheme: light dark }
code { font: 0.9em ui-monospace, monospace }
</style>
</head>
<body>
<h1>Boxswain</h1>
<p>One MCP server that runs code in isolated sandboxes. ${count} operations are served here.</p>
<ul>
<li>MCP (Streamable HTTP): <code>/mcp</code>, for example <code>claude mcp add --transport http boxswain &lt;this address&gt;/mcp</code></li>
<li>HTTP: <code>POST /api/operations/{name}</code>, <code>/api/workspaces</code>, <code>/api/tasks</code>, <code>/api/artifacts</code></li>
<li>Command line: <code>boxswain --help</code></li>
<li>State: <a href="/healthz">/healthz</a>, <a href="/readyz">/readyz</a>, <a href="/metrics">/metrics</a></li>
</ul>
</body>
</html>
`;
