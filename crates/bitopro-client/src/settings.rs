use std::time::Duration;

use bitopro_transport::Request;

/// No span of time is longer, so that sums of them are moments that a clock can show.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// A key that worked is not given up any sooner: a gateway may refuse it for a minute.
const LEAST_KEY_PATIENCE: Duration = Duration::from_secs(120);

/// How patient a session is, and what it assumes. Each has its setter on
/// [`ClientBuilder`](crate::ClientBuilder).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// How long name resolution, TCP, TLS and upgrade may take in all: 10 s.
    pub dial_deadline: Duration,
    /// How long a connection may stay without a frame of any kind, pings included: 30 s. The exchange
    /// documents a ping every 20 s and was measured to send one every second.
    pub idle_limit: Duration,
    /// How long the first data message may take after the upgrade: 10 s.
    pub snapshot_deadline: Duration,
    /// The bound of the first delay before a redial, which doubles from dial to dial: 1 s.
    pub backoff_first: Duration,
    /// The bound that delays grow to: 30 s.
    pub backoff_longest: Duration,
    /// How long a connection must have been up, after its first snapshot, for delays to start small again: 30 s.
    pub proven_after: Duration,
    /// How many dials a client may make in [`dial_budget_span`](Self::dial_budget_span), over all of its
    /// streams: 30. Half of them may come at once, the others are spread evenly.
    pub dial_budget: u32,
    /// The span of the dial budget: 5 minutes.
    pub dial_budget_span: Duration,
    /// The longest `Retry-After` that is believed: 1 hour.
    pub retry_after_cap: Duration,
    /// Number of consecutive refusals because of the key (401, 403) that are final before the key, or for 403 the
    /// stream's path, has worked. Defaults to 2, since a key may just have been rotated. Those of a key that is not
    /// accepted (401) are counted over all streams of a client, and end all that are not connected.
    pub auth_attempts: u32,
    /// Number of consecutive refusals because of the clock (409) that are final before the key has worked, unless
    /// the last one led to a correction of the clock. Defaults to 3.
    pub clock_attempts: u32,
    /// Number of consecutive certificate errors that are final before the key has worked. Defaults to 2.
    pub certificate_attempts: u32,
    /// Time for which a stream that has worked keeps trying while its path, its clock or the server's certificate is
    /// refused, from the first such refusal on. Defaults to 15 minutes.
    pub patience: Duration,
    /// Time for which a key that has worked must have been refused (401, 403) before that ends a stream. It takes at
    /// least three refusals, without an accepted upgrade in between. Defaults to 5 minutes; at least 2.
    pub key_patience: Duration,
    /// Longest wait until the exchange's clock has caught up with nonces that were made while the machine's clock was
    /// ahead. Defaults to 10 minutes.
    pub clock_wait: Duration,
    /// How many failures without a snapshot between them are final: none, it goes on for ever.
    pub retry_limit: Option<u32>,
    /// How many items wait for a subscriber that does not read, before they are merged: 1,024. Their messages may
    /// have 32 MiB of text in all, however many there are.
    pub queue_capacity: usize,
    /// How long a close may take: 2 s.
    pub close_deadline: Duration,
    /// The least time between two dials of one API key: 100 ms, so that the streams of an account are not
    /// dialled all at once.
    pub dial_spacing: Duration,
    /// What an update of the open orders holds: the orders that changed.
    pub order_updates: OrderUpdates,
    /// How many orders of the history are kept: 1,000.
    pub history_capacity: usize,
    /// How many trades are kept: 1,000.
    pub trade_capacity: usize,
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
            proven_after: seconds(30),
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
            history_capacity: 1000,
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
            ("snapshot deadline", self.snapshot_deadline),
            ("first backoff", self.backoff_first),
            ("longest backoff", self.backoff_longest),
            ("dial budget's span", self.dial_budget_span),
            ("close deadline", self.close_deadline),
        ];
        let may_be_zero = [
            ("time to be proven", self.proven_after),
            ("cap of `Retry-After`", self.retry_after_cap),
            ("spacing of dials", self.dial_spacing),
            ("patience", self.patience),
            ("key patience", self.key_patience),
            ("clock wait", self.clock_wait),
        ];
        let counts = [
            ("dial budget", self.dial_budget == 0),
            ("queue capacity", self.queue_capacity == 0),
            ("number of auth attempts", self.auth_attempts == 0),
            ("number of clock attempts", self.clock_attempts == 0),
            ("number of certificate attempts", self.certificate_attempts == 0),
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
