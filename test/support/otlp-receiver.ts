import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import { z } from 'zod';

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** Of the resource: which role sent it, from which process. */
  readonly service: string;
  readonly pid: string;
  readonly attributes: Readonly<Record<string, string>>;
}

const attributesSchema = z
  .array(z.object({ key: z.string(), value: z.record(z.string(), z.json()) }))
  .transform(list => Object.fromEntries(list.map(({ key, value }) => [key, String(Object.values(value)[0])])));
const exportSchema = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: attributesSchema }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              traceId: z.string(),
              spanId: z.string(),
              parentSpanId: z.string().default(''),
              name: z.string(),
              attributes: attributesSchema.default({}),
            }),
          ),
        }),
      ),
    }),
  ),
});

/** A receiver of the OTLP/HTTP protocol in JSON, which keeps what it is sent. */
export async function startOtlpReceiver(): Promise<{
  url: string;
  spans: readonly ReceivedSpan[];
  close(): Promise<void>;
}> {
  const spans: ReceivedSpan[] = [];
  const server = createServer(async (request, response) => {
    if (request.method !== 'POST' || request.url !== '/v1/traces') return void response.writeHead(404).end();
    for (const { resource, scopeSpans } of exportSchema.parse(await json(request)).resourceSpans) {
      const service = resource.attributes['service.name'] ?? '';
      const pid = resource.attributes['process.pid'] ?? '';
      for (const span of scopeSpans.flatMap(scope => scope.spans)) spans.push({ ...span, service, pid });
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the receiver has no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    spans,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
