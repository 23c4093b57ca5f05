//! The only access to the system's clocks and its randomness.
//!
//! All other code takes the time as an argument and draws randomness from a seed, so that it can be replayed.

use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// The clock from which nonces are made.
///
/// The client also uses it to detect that the machine was suspended: if it gains more on the monotonic clock
/// than the idle limit, or than 30 s if that is less, the state becomes stale and the connections are
/// replaced. Defaults to the machine's clock. Replace it in tests, or if the machine's clock is not reliable.
///
/// # Examples
///
/// A clock that is corrected by a known offset:
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use bitopro_client::{Client, Credentials, WallClock};
///
/// let offset = Duration::from_secs(90);
/// let credentials = Credentials::new("api-key", "api-secret", "me@example.com")?;
/// # let (connector, _server) = bitopro_client::transport::memory::network();
/// let client = Client::builder(credentials)
/// #   .with_connector(connector)
///     .with_wall_clock(WallClock::new(move || SystemTime::now() - offset))
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl WallClock {
    /// Creates a clock from a function that returns the current time.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> SystemTime {
        (self.0)()
    }
}

impl Default for WallClock {
    /// Returns the machine's clock.
    fn default() -> Self {
        #[allow(clippy::disallowed_methods, reason = "this module is the only access to the system")]
        Self::new(SystemTime::now)
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}

/// Returns the time of the clock that measures deadlines: tokio's, which tests can pause.
pub(crate) fn monotonic_now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Returns a seed that differs between processes and between calls.
pub(crate) fn random_seed() -> u64 {
    #[allow(clippy::disallowed_methods, reason = "this module is the only access to the system")]
    fastrand::u64(..)
}

/// Returns an arbitrary start time for tests.
#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "no other function creates an `Instant`; no test depends on its value"
)]
pub(crate) fn test_start() -> Instant {
    Instant::now()
}
