use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bitopro_model::Timestamp;
use tokio::time::Instant;

/// The wall clock of a simulated exchange, for `timestamp` and for the check of nonces.
///
/// Pings and deadlines do not use it; they follow tokio's clock, which a test can pause.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock that asks this function each time.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The clock of this machine.
    pub fn system() -> Self {
        Self::new(system_time)
    }

    /// Creates a clock that always shows the same time.
    pub fn fixed(now: Timestamp) -> Self {
        Self::new(move || now)
    }

    /// A clock that shows `start` now and advances with tokio's, also where a test has paused that.
    pub fn following_tokio(start: Timestamp) -> Self {
        let origin = Instant::now();
        Self::new(move || {
            let passed = i64::try_from(origin.elapsed().as_millis()).unwrap_or(i64::MAX);
            Timestamp::from_millis(start.as_millis().saturating_add(passed))
        })
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

fn system_time() -> Timestamp {
    #[allow(clippy::disallowed_methods, reason = "the simulator's one reading of the wall clock")]
    let now = SystemTime::now();
    let millis = match now.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
    };
    Timestamp::from_millis(millis)
}
