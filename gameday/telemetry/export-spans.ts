// Makes OpenTelemetry's spans of the plans and sends them over OTLP/HTTP, by the official packages.
import {
  type Attributes as OtelAttributes,
  type HrTime,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace,
  type Context,
  type Tracer,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { type ReadableSpan, TracerProvider } from '@opentelemetry/sdk-trace'
import type { Attributes, SpanPlan } from './span-plan.ts'

const timeoutMs = 5000
const most = 100_000
/** ExportResultCode.SUCCESS of the SDK. */
const success = 0

export interface ExportOptions {
  /** As in OTEL_EXPORTER_OTLP_ENDPOINT: `http://localhost:4318`; the signal's own path is added. */
  readonly endpoint: string
  /** Wall time minus the world's monotonic clock, in ns: one offset for all, so that lengths and order stay exact. */
  readonly offsetNs: bigint
}

/**
 * Each plan becomes a trace of its own.
 * @returns how many spans were sent
 * @throws Error if the receiver did not take them all
 */
export async function exportSpans(plans: readonly SpanPlan[], options: ExportOptions): Promise<number> {
  const ended: ReadableSpan[] = []
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'firedrill' }),
    spanLimits: { eventCountLimit: most, attributeCountLimit: most },
    spanProcessors: [
      {
        onStart: () => undefined,
        onEnd: (span) => ended.push(span),
        forceFlush: () => Promise.resolve(),
        shutdown: () => Promise.resolve(),
      },
    ],
  })
  const tracer = provider.getTracer('firedrill')
  for (const plan of plans) record(tracer, plan, ROOT_CONTEXT, options.offsetNs)
  const exporter = new OTLPTraceExporter({ url: tracesUrl(options.endpoint), timeoutMillis: timeoutMs })
  try {
    await new Promise<void>((resolve, reject) => {
      exporter.export(ended, ({ code, error }: { readonly code: number; readonly error?: Error }) => {
        if (code === success) resolve()
        else reject(error ?? new Error('the receiver did not take the spans'))
      })
    })
  } finally {
    await exporter.shutdown()
  }
  return ended.length
}

function record(tracer: Tracer, plan: SpanPlan, parent: Context, offsetNs: bigint): void {
  const at = (ns: bigint): HrTime => hrTime(ns + offsetNs)
  const span = tracer.startSpan(plan.name, { startTime: at(plan.fromNs), attributes: otel(plan.attributes) }, parent)
  for (const event of plan.events) {
    const { kind, reason, source, site, epoch } = event
    const attributes = { 'firedrill.reason': reason, 'firedrill.source': source, 'firedrill.site': site }
    span.addEvent(
      kind,
      { ...attributes, ...(epoch === undefined ? {} : { 'firedrill.epoch': epoch }) },
      at(BigInt(event.atNs)),
    )
  }
  if (plan.error !== null) span.setStatus({ code: SpanStatusCode.ERROR, message: plan.error })
  const context = trace.setSpan(parent, span)
  for (const child of plan.children) record(tracer, child, context, offsetNs)
  span.end(at(plan.toNs))
}

function otel(attributes: Attributes): OtelAttributes {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, typeof value === 'object' ? [...value] : value]),
  )
}

function hrTime(ns: bigint): HrTime {
  return [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)]
}

function tracesUrl(endpoint: string): string {
  const base = endpoint.replace(/\/+$/, '')
  return base.endsWith('/v1/traces') ? base : `${base}/v1/traces`
}
