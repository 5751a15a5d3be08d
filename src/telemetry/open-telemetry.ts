import { defaultTextMapGetter, defaultTextMapSetter, ROOT_CONTEXT, SpanKind, trace } from '@opentelemetry/api';
import { setGlobalErrorHandler, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { Tracer, TracingOptions } from './tracing.ts';

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL } as const;
/** A receiver that is slow or gone must not hold up the end of a process for longer. */
const EXPORT_MS = 5_000;

/**
 * A tracer that sends to an OTLP receiver over HTTP. It is registered nowhere, so nothing else is traced by it. What it has not
 * sent yet is bounded (2,048 spans), and spans beyond that are dropped: tracing never slows or stops a call.
 */
export function createTracer({
  endpoint,
  sampleRatio,
  role,
  version,
  log,
}: Omit<TracingOptions, 'endpoint'> & { endpoint: string }): Tracer {
  const lost = (error: unknown) => log.warn({ err: error }, 'spans could not be sent');
  setGlobalErrorHandler(lost);
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
    timeoutMillis: EXPORT_MS,
  });
  const named = resourceFromAttributes({
    'service.name': `boxswain-${role}`,
    'service.version': version,
    'process.pid': process.pid,
  });
  // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
  const resource = defaultResource()
    .merge(named)
    .merge(detectResources({ detectors: [envDetector] }));
  const provider = new TracerProvider({
    resource,
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(sampleRatio) }),
    spanProcessors: [new BatchSpanProcessor({ exporter, scheduledDelayMillis: 1_000, exportTimeoutMillis: EXPORT_MS })],
  });
  const tracer = provider.getTracer('boxswain', version);
  const propagator = new W3CTraceContextPropagator();
  return {
    start(name, { parent = ROOT_CONTEXT, role: kind, attributes }) {
      const span = tracer.startSpan(name, { kind: KINDS[kind], attributes: { ...attributes } }, parent);
      return { span, context: trace.setSpan(parent, span) };
    },
    write(context) {
      const carrier: Record<string, string> = {};
      propagator.inject(context, carrier, defaultTextMapSetter);
      return carrier;
    },
    read(carrier) {
      const context = propagator.extract(ROOT_CONTEXT, carrier, defaultTextMapGetter);
      return trace.getSpanContext(context) === undefined ? undefined : context;
    },
    close: () => provider.shutdown().catch(lost),
  };
}
