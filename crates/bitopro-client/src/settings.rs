use std::time::Duration;

use bitopro_transport::Request;

use crate::backfill::Backfill;
use crate::engine::DialBudget;

/// Maximum length of every time span, so that adding spans to a clock's time never overflows.
const MAX_SPAN: Duration = Duration::from_secs(365 * 86_400);

/// Minimum key patience, because a gateway may refuse a valid key for a minute.
const MIN_KEY_PATIENCE: Duration = Duration::from_secs(120);

/// The configuration of an engine. The setters of the [builder](crate::ClientBuilder) document the values
/// that can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) dial_deadline: Duration,
    pub(crate) idle_limit: Duration,
    /// Maximum time from the upgrade to the first data message.
    pub(crate) snapshot_deadline: Duration,
    pub(crate) backoff_first: Duration,
    pub(crate) backoff_longest: Duration,
    /// Time after which an open connection whose snapshot has arrived is stable, which resets the backoff.
    pub(crate) stable_after: Duration,
    pub(crate) dial_budget: u32,
    pub(crate) dial_budget_span: Duration,
    /// Maximum delay that is taken from `Retry-After`. A longer one is shortened to it.
    pub(crate) retry_after_cap: Duration,
    /// Number of consecutive refusals because of the key (401, 403) that end a stream if the key, or for 403
    /// the stream's path, has never worked. More than one, because the key may just have been rotated.
    pub(crate) auth_attempts: u32,
    /// Number of consecutive refusals because of the clock (409) that end a stream before the client's first
    /// connection.
    pub(crate) clock_attempts: u32,
    /// Number of consecutive rejected certificates that end a stream before the client's first connection.
    pub(crate) certificate_attempts: u32,
    pub(crate) patience: Duration,
    pub(crate) key_patience: Duration,
    /// Maximum time to wait for the exchange's clock to catch up with a nonce that is ahead of it.
    pub(crate) clock_wait: Duration,
    pub(crate) retry_limit: Option<u32>,
    pub(crate) queue_capacity: usize,
    /// Maximum time to wait for the server's response to a close frame.
    pub(crate) close_deadline: Duration,
    pub(crate) dial_spacing: Duration,
    pub(crate) order_updates: OrderUpdates,
    pub(crate) closed_order_capacity: usize,
    pub(crate) trade_capacity: usize,
    /// `None` if the REST API is off, or the backfill.
    pub(crate) backfill: Option<Backfill>,
}

/// The content of an update of the open orders, which the message itself does not indicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OrderUpdates {
    /// An update lists the orders that changed, as documented since January 2024.
    #[default]
    Changed,
    /// An update lists all open orders of its pair, as documented before January 2024. An order of that pair
    /// that is not listed is closed.
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
            backfill: None,
        }
    }
}

impl Settings {
    pub(crate) fn dial_budget(&self) -> DialBudget {
        DialBudget::new(self.dial_budget, self.dial_budget_span, self.dial_spacing)
    }

    /// Returns the largest number of dials that the exchange may count in any period of this length. It may
    /// count a dial until its deadline.
    pub(crate) fn most_dials_in(&self, period: Duration) -> u32 {
        self.dial_budget().most_in(period.saturating_add(self.dial_deadline))
    }

    /// Returns a description of every problem with these settings.
    pub(crate) fn problems(&self) -> Vec<String> {
        let spans = [
            ("dial deadline", self.dial_deadline),
            ("idle limit", self.idle_limit),
            ("first backoff", self.backoff_first),
            ("longest backoff", self.backoff_longest),
            ("span of the dial budget", self.dial_budget_span),
        ];
        let settling_time = self.backfill.as_ref().map_or(Duration::ZERO, |backfill| backfill.settling_time);
        let may_be_zero = [
            ("dial spacing", self.dial_spacing),
            ("patience", self.patience),
            ("key patience", self.key_patience),
            ("settling time of the backfill", settling_time),
        ];
        let counts = [
            ("dial budget", self.dial_budget == 0),
            ("queue capacity", self.queue_capacity == 0),
            ("retry limit", self.retry_limit == Some(0)),
            ("backfill budget", self.backfill.as_ref().is_some_and(|backfill| backfill.budget == 0)),
        ];
        let zero_spans = spans.iter().filter(|(_, span)| span.is_zero());
        let zero_counts = counts.iter().filter(|(_, is_zero)| *is_zero);
        let too_long = spans.iter().chain(&may_be_zero).filter(|(_, span)| *span > MAX_SPAN);
        let mut problems: Vec<String> =
            zero_spans.map(|(name, _)| format!("the {name} is 0 s; use a longer time")).collect();
        problems.extend(zero_counts.map(|(name, _)| format!("the {name} is 0; use at least 1")));
        problems.extend(too_long.map(|(name, span)| {
            let (seconds, limit) = (span.as_secs(), MAX_SPAN.as_secs());
            format!("the {name} is {seconds} s; use at most {limit} s (365 days)")
        }));
        if self.key_patience < MIN_KEY_PATIENCE {
            let seconds = self.key_patience.as_secs_f64();
            problems.push(format!("the key patience is {seconds} s; use at least 2 minutes"));
        }
        if self.backoff_longest < self.backoff_first {
            let (first, longest) = (self.backoff_first.as_secs_f64(), self.backoff_longest.as_secs_f64());
            problems.push(format!(
                "the longest backoff, {longest} s, is shorter than the first backoff, {first} s"
            ));
        }
        problems
    }
}
