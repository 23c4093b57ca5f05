use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bitopro_model::Timestamp;
use tokio::time::Instant;

/// The wall clock of a simulated exchange, which provides `timestamp` and the time to check nonces against.
///
/// Pings and deadlines follow tokio's clock instead, which a test can pause.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use bitopro_model::Timestamp;
/// use bitopro_sim::{Clock, Simulator};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let clock = Clock::following_tokio(Timestamp::from_millis(1_639_553_303_365));
/// let simulator = Simulator::builder().with_clock(clock).start_in_memory()?;
/// tokio::time::sleep(Duration::from_secs(1)).await;
/// assert_eq!(simulator.now(), Timestamp::from_millis(1_639_553_304_365));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// Creates a clock from a function that returns the current time.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Creates a clock that shows this machine's time.
    pub fn system() -> Self {
        Self::new(system_time)
    }

    /// Creates a clock that always shows the same time.
    pub fn fixed(now: Timestamp) -> Self {
        Self::new(move || now)
    }

    /// Creates a clock that shows `start` now and advances with tokio's clock, which a test may have paused.
    pub fn following_tokio(start: Timestamp) -> Self {
        let origin = Instant::now();
        Self::new(move || {
            let elapsed = i64::try_from(origin.elapsed().as_millis()).unwrap_or(i64::MAX);
            Timestamp::from_millis(start.as_millis().saturating_add(elapsed))
        })
    }

    /// Returns the current time.
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
    #[allow(clippy::disallowed_methods, reason = "the only place where the simulator reads the wall clock")]
    let now = SystemTime::now();
    let millis = match now.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
    };
    Timestamp::from_millis(millis)
}
