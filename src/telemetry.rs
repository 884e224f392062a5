//! Logs, spans and metrics: what the process says about itself. Never secrets, bodies or personal data.

use std::{sync::OnceLock, time::Duration};

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    runtime::Tokio,
    trace::{Sampler, SdkTracerProvider, span_processor_with_async_runtime::BatchSpanProcessor},
};
use tracing::Metadata;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt, filter_fn},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::config::{LogFormat, Telemetry};

const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

// Seconds; from a proxied call's own cost to the longest wait that is allowed.
const DURATION_BUCKETS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Keeps spans flowing; [`Spans::flush`] sends what is left.
#[must_use]
#[derive(Debug, Default)]
pub struct Spans {
    provider: Option<SdkTracerProvider>,
}

/// Starts the log (standard error) and, where an endpoint is configured, spans. Needs a running runtime.
pub fn start(config: &Telemetry, default_filter: &str) -> anyhow::Result<Spans> {
    let filter = crate::config::log_filter(default_filter);
    let filter =
        EnvFilter::try_new(&filter).with_context(|| format!("`RUST_LOG={filter}` is not a log filter"))?;
    // Lines say themselves what they are about: a span that nobody is sent costs nothing.
    let filter = filter.and(filter_fn(|metadata: &Metadata<'_>| metadata.is_event()));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match config.log_format {
        LogFormat::Text => lines.with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    };
    // In a list, and not one around the other: a layer that is `None` would have every span made, for nobody.
    let mut layers = vec![lines];
    let provider = config.otlp_endpoint.as_deref().map(span_provider).transpose()?;
    if let Some(provider) = &provider {
        // Spans of the exporter's own calls would never end.
        let filter = EnvFilter::new("off,ringfence=info");
        let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("ringfence"));
        layers.push(spans.with_filter(filter).boxed());
    }
    // A second start in one process (tests) keeps the first log.
    let _ = tracing_subscriber::registry().with(layers).try_init();
    Ok(Spans { provider })
}

impl Spans {
    /// Sends what is left, waiting at most three seconds.
    pub async fn flush(self) {
        let Some(provider) = self.provider else { return };
        let flushed =
            tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_TIMEOUT)).await;
        if let Ok(Err(error)) = flushed {
            tracing::warn!(error = %error, "some spans were not sent");
        }
    }
}

fn span_provider(endpoint: &str) -> anyhow::Result<SdkTracerProvider> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint)
        .build()
        .context("`telemetry.otlp_endpoint` cannot be used")?;
    let resource = Resource::builder()
        .with_service_name("ringfence")
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder()
        // In the runtime: the exporter's client needs one, and the default processor runs in a bare thread.
        .with_span_processor(BatchSpanProcessor::builder(exporter, Tokio).build())
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
        .with_resource(resource)
        .build())
}

/// What `/metrics` renders. One recorder serves the whole process, however many apps it holds (tests hold several).
pub fn metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(install_recorder).clone()
}

fn install_recorder() -> PrometheusHandle {
    let durations = Matcher::Suffix("_seconds".to_owned());
    let builder = PrometheusBuilder::new();
    let recorder = match builder.set_buckets_for_metric(durations, DURATION_BUCKETS) {
        Ok(builder) => builder.build_recorder(),
        // Only an empty list of buckets is refused.
        Err(_) => PrometheusBuilder::new().build_recorder(),
    };
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        tracing::warn!("metrics are recorded elsewhere; /metrics stays empty");
    }
    metrics::gauge!("ringfence_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    handle
}
