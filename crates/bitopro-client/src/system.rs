//! The one seam to the outside world: the clocks and the source of seeds.
//!
//! Everything else takes time as an argument and randomness from a seed, so that it can be replayed.

use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// The clock that nonces are made from, and that reveals a suspend: a jump ahead of the monotonic clock by more than the
/// idle limit makes connections untrusted. Replace it in tests, or where the machine's own cannot be trusted.
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl WallClock {
    /// Creates a clock from a function that returns the time.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.0)()
    }
}

impl Default for WallClock {
    /// The machine's clock.
    fn default() -> Self {
        #[allow(clippy::disallowed_methods, reason = "this is the seam")]
        Self::new(SystemTime::now)
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}

/// The clock that deadlines are measured with: tokio's, which tests can pause.
pub(crate) fn monotonic_now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A seed that differs from process to process and from call to call.
pub(crate) fn random_seed() -> u64 {
    #[allow(clippy::disallowed_methods, reason = "this is the seam")]
    fastrand::u64(..)
}

/// Some moment, for tests that count from it.
#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "an `Instant` can be had in no other way; no test looks at its value"
)]
pub(crate) fn test_start() -> Instant {
    Instant::now()
}
