//! Counters of requests, and the engine's own figures, for Prometheus.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use serde_json::Value;

/// What tells requests apart. The route is the pattern, never the path as sent.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    method: String,
    route: String,
    status: u16,
}

/// Counters of requests.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    seconds: Family<Labels, Histogram>,
}

/// Upper bounds of the time buckets, seconds: from a memory hit to a long clip.
const BUCKETS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 2.0, 10.0];

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("rushes");
        let requests = Family::<Labels, Counter>::default();
        let seconds = Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new(BUCKETS));
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register_with_unit(
            "http_request",
            "Time to the first byte of an answer",
            Unit::Seconds,
            seconds.clone(),
        );
        Self { registry, requests, seconds }
    }
}

impl Metrics {
    /// Everything in the text form of OpenMetrics; `stats` are the engine's figures.
    pub(super) fn text(&self, stats: &Value) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &figures(stats))?;
        // Each document ends with a mark; only the last one may.
        text.truncate(text.trim_end().trim_end_matches("# EOF").len());
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Each number among the figures as a gauge named by its path.
fn figures(stats: &Value) -> Registry {
    let mut registry = Registry::with_prefix("rushes");
    let mut open = vec![(String::new(), stats)];
    while let Some((path, value)) = open.pop() {
        match value {
            Value::Object(members) => open.extend(members.iter().map(|(name, value)| {
                let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "_");
                (if path.is_empty() { name } else { format!("{path}_{name}") }, value)
            })),
            Value::Number(number) => {
                let gauge = Gauge::<f64, AtomicU64>::default();
                gauge.set(number.as_f64().unwrap_or_default());
                registry.register(path, "A figure of GET /v1/stats", gauge);
            }
            _ => {}
        }
    }
    registry
}

/// Counts a request by its route and outcome.
pub(super) async fn count(
    State(metrics): State<Arc<Metrics>>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let method = request.method().to_string();
    let begun = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let took = begun.elapsed();
    tracing::info!(method, route, status, ms = took.as_millis() as u64, "request");
    let labels = Labels { method, route, status };
    metrics.requests.get_or_create(&labels).inc();
    metrics.seconds.get_or_create(&labels).observe(took.as_secs_f64());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_become_gauges_named_by_their_path() {
        let stats = serde_json::json!({ "cache": { "memory": { "hits": 3 } }, "name": "x" });
        let text = Metrics::default().text(&stats).unwrap();
        assert!(text.contains("rushes_cache_memory_hits 3.0\n"), "{text}");
        assert_eq!(text.matches("# EOF").count(), 1, "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
