use std::time::Duration;

use bitopro_transport::Request;

/// No span of time is longer, so that sums of them are moments that a clock can show.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// A key that worked is not given up any sooner: a gateway may refuse it for a minute.
const LEAST_KEY_PATIENCE: Duration = Duration::from_secs(120);

/// The configuration of an engine. The values that can be set are documented at their setters on the
/// [builder](crate::ClientBuilder).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) dial_deadline: Duration,
    pub(crate) idle_limit: Duration,
    /// Longest time from the upgrade to the first data message.
    pub(crate) snapshot_deadline: Duration,
    pub(crate) backoff_first: Duration,
    pub(crate) backoff_longest: Duration,
    /// Time that a connection must have been up, after its first snapshot, for the next delays to start small again.
    pub(crate) stable_after: Duration,
    pub(crate) dial_budget: u32,
    pub(crate) dial_budget_span: Duration,
    /// Longest `Retry-After` that is believed.
    pub(crate) retry_after_cap: Duration,
    /// Number of consecutive refusals because of the key (401, 403) that are final before the key, or for 403 the stream's
    /// path, has worked: more than one, since a key may just have been rotated.
    pub(crate) auth_attempts: u32,
    /// Number of consecutive refusals because of the clock (409) that are final before any connection.
    pub(crate) clock_attempts: u32,
    /// Number of consecutive certificates that are not acceptable which are final before any connection.
    pub(crate) certificate_attempts: u32,
    pub(crate) patience: Duration,
    pub(crate) key_patience: Duration,
    /// Longest wait for the exchange's clock to catch up with a nonce that is ahead of it.
    pub(crate) clock_wait: Duration,
    pub(crate) retry_limit: Option<u32>,
    pub(crate) queue_capacity: usize,
    /// Longest time that the server may take to answer a close.
    pub(crate) close_deadline: Duration,
    pub(crate) dial_spacing: Duration,
    pub(crate) order_updates: OrderUpdates,
    pub(crate) closed_order_capacity: usize,
    pub(crate) trade_capacity: usize,
}

/// What an update of the open orders holds. Nothing in the message says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OrderUpdates {
    /// The orders that changed, as documented since January 2024.
    #[default]
    Changed,
    /// The whole list of its pair, as until then: an order of that pair that is not in it has ended.
    WholePair,
}

impl Default for Settings {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            dial_deadline: Request::DEFAULT_DEADLINE,
            idle_limit: seconds(30),
            snapshot_deadline: seconds(10),
            backoff_first: seconds(1),
            backoff_longest: seconds(30),
            stable_after: seconds(30),
            dial_budget: 30,
            dial_budget_span: seconds(300),
            retry_after_cap: seconds(3600),
            auth_attempts: 2,
            clock_attempts: 3,
            certificate_attempts: 2,
            patience: seconds(900),
            key_patience: seconds(300),
            clock_wait: seconds(600),
            retry_limit: None,
            queue_capacity: 1024,
            close_deadline: seconds(2),
            dial_spacing: Duration::from_millis(100),
            order_updates: OrderUpdates::default(),
            closed_order_capacity: 1000,
            trade_capacity: 1000,
        }
    }
}

impl Settings {
    /// Every fault of these settings, in words.
    pub(crate) fn faults(&self) -> Vec<String> {
        let spans = [
            ("dial deadline", self.dial_deadline),
            ("idle limit", self.idle_limit),
            ("first backoff", self.backoff_first),
            ("longest backoff", self.backoff_longest),
            ("dial budget's span", self.dial_budget_span),
        ];
        let may_be_zero = [
            ("spacing of dials", self.dial_spacing),
            ("patience", self.patience),
            ("key patience", self.key_patience),
        ];
        let counts = [
            ("dial budget", self.dial_budget == 0),
            ("queue capacity", self.queue_capacity == 0),
            ("retry limit", self.retry_limit == Some(0)),
        ];
        let zeroes = spans.iter().map(|(name, span)| (*name, span.is_zero())).chain(counts);
        let long = spans.iter().chain(&may_be_zero).filter(|(_, span)| *span > LONGEST);
        let mut faults: Vec<String> =
            zeroes.filter(|(_, zero)| *zero).map(|(name, _)| format!("the {name} is zero")).collect();
        faults.extend(long.map(|(name, _)| format!("the {name} is longer than a year")));
        if self.key_patience < LEAST_KEY_PATIENCE {
            faults.push("the key patience is shorter than 2 minutes".to_owned());
        }
        if self.backoff_longest < self.backoff_first {
            faults.push("the longest backoff is shorter than the first".to_owned());
        }
        faults
    }
}
