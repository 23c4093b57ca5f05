//! The metrics of a client: one list, from which the text for Prometheus and the crate `metrics` take theirs.

use std::fmt::{self, Write};
use std::time::Duration;

use super::{RestStats, Stats, StreamStats};

/// One value with its name, as monitoring systems expect it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// The name, such as `bitopro_gaps_total`, which never changes.
    pub name: &'static str,
    /// A description of one line.
    pub help: &'static str,
    /// States whether the value can decrease.
    pub kind: MetricKind,
    /// The names and values of the labels, such as `stream` and `user-trades`.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: MetricValue,
}

/// The kind of a [`Metric`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A value that never decreases.
    Counter,
    /// A value that can decrease.
    Gauge,
}

/// The value of a [`Metric`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricValue {
    /// A number of things.
    Count(u64),
    /// A time, which `Display` formats in seconds.
    Time(Duration),
}

impl fmt::Display for MetricValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Time(time) => write!(f, "{}.{:03}", time.as_secs(), time.subsec_millis()),
        }
    }
}

impl Stats {
    /// Returns all values as metrics. Those with the same name follow each other.
    pub fn metrics(&self) -> Vec<Metric> {
        let mut metrics = Vec::new();
        for (stream, stats) in &self.streams {
            let label = ("stream", stream.name().to_owned());
            metrics.extend(stats.metrics().map(|metric| metric.with_label(label.clone())));
        }
        metrics.extend(self.rest.iter().flat_map(RestStats::metrics));
        metrics.sort_by_key(|metric| metric.name);
        metrics
    }

    /// Returns all values in the text format of Prometheus.
    pub fn to_prometheus(&self) -> String {
        let (mut text, mut last) = (String::new(), "");
        for Metric { name, help, kind, labels, value } in self.metrics() {
            let kind = match kind {
                MetricKind::Counter => "counter",
                MetricKind::Gauge => "gauge",
            };
            let labels: Vec<String> =
                labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
            // Writing to a `String` cannot fail.
            if std::mem::replace(&mut last, name) != name {
                let _ = writeln!(text, "# HELP {name} {}\n# TYPE {name} {kind}", help.trim());
            }
            let _ = writeln!(text, "{name}{{{}}} {value}", labels.join(","));
        }
        text
    }

    /// Sets all values in the recorder of the crate `metrics`.
    ///
    /// Call it regularly, for example every 10 s.
    #[cfg(feature = "metrics")]
    pub fn record_metrics(&self) {
        for Metric { name, help, kind, labels, value } in self.metrics() {
            let labels: Vec<metrics::Label> =
                labels.into_iter().map(|(name, value)| metrics::Label::new(name, value)).collect();
            match (kind, value) {
                (MetricKind::Counter, MetricValue::Count(count)) => {
                    metrics::describe_counter!(name, help.trim());
                    metrics::counter!(name, labels).absolute(count);
                }
                (_, MetricValue::Time(time)) => {
                    metrics::describe_gauge!(name, metrics::Unit::Seconds, help.trim());
                    metrics::gauge!(name, labels).set(time.as_secs_f64());
                }
                (MetricKind::Gauge, MetricValue::Count(count)) => {
                    metrics::describe_gauge!(name, help.trim());
                    #[allow(clippy::cast_precision_loss, reason = "a gauge is a float")]
                    metrics::gauge!(name, labels).set(count as f64);
                }
            }
        }
    }
}

impl Metric {
    fn counter(name: &'static str, help: &'static str, count: u64) -> Self {
        let value = MetricValue::Count(count);
        Self { name, help, kind: MetricKind::Counter, labels: Vec::new(), value }
    }

    fn gauge(name: &'static str, help: &'static str, value: MetricValue) -> Self {
        Self { name, help, kind: MetricKind::Gauge, labels: Vec::new(), value }
    }

    fn with_label(mut self, label: (&'static str, String)) -> Self {
        self.labels.insert(0, label);
        self
    }
}

impl StreamStats {
    fn metrics(&self) -> impl Iterator<Item = Metric> {
        let Self { subscriptions, connected, fresh, queued, queued_bytes, .. } = *self;
        let counters = self.counters.each().map(|(name, help, count)| Metric::counter(name, help, count));
        let failures = self.counters.failures.iter().map(|(kind, count)| {
            Metric::counter(
                "bitopro_failures_total",
                "Failed dials, and connections that have ended.",
                *count,
            )
            .with_label(("kind", (*kind).to_owned()))
        });
        let counts = [
            ("bitopro_subscriptions", "Subscriptions that have not ended.", subscriptions),
            ("bitopro_connected", "Subscriptions that are connected.", connected),
            ("bitopro_fresh", "Subscriptions whose state is known and fresh.", fresh),
            ("bitopro_queued_items", "Items that wait for the subscribers.", queued),
            ("bitopro_queued_bytes", "Bytes of the messages that wait for the subscribers.", queued_bytes),
        ];
        let ages = [
            ("bitopro_data_age_seconds", "Time since the last data message.", self.data_age),
            ("bitopro_frame_age_seconds", "Time since the last frame, such as a ping.", self.frame_age),
        ];
        let counts = counts.map(|(name, help, count)| Metric::gauge(name, help, MetricValue::Count(count)));
        let ages = ages
            .into_iter()
            .filter_map(|(name, help, age)| Some(Metric::gauge(name, help, MetricValue::Time(age?))));
        counters.chain(failures).chain(counts).chain(ages)
    }
}

impl RestStats {
    fn metrics(&self) -> impl Iterator<Item = Metric> {
        let calls = Metric::counter("bitopro_rest_calls_total", "Calls of the REST API.", self.calls);
        let failures = self.failures.iter().map(|(kind, count)| {
            Metric::counter("bitopro_rest_failures_total", "Failed calls of the REST API.", *count)
                .with_label(("kind", (*kind).to_owned()))
        });
        let limits = self.limits.iter().map(|usage| {
            let available = MetricValue::Count(usage.available.try_into().unwrap_or(u64::MAX));
            Metric::gauge("bitopro_rest_calls_available", "Calls that a limit allows now.", available)
                .with_label(("scope", usage.limit.scope.to_string()))
                .with_label(("calls", usage.limit.calls.to_owned()))
        });
        [calls].into_iter().chain(failures).chain(limits)
    }
}
