use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that makes each request unique: a time in Unix milliseconds that increases with every request.
///
/// Created by a [`NonceSource`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(pub(crate) u64);

impl Nonce {
    /// Returns the nonce as a number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A source of nonces that never repeat and never decrease, even if the clock does.
///
/// The exchange rejects a nonce that is not larger than the previous one of the same API key, so use one
/// source per key. A [`Signer`](crate::Signer) contains one. Threads can share a source by reference or in an
/// `Arc`.
///
/// # Examples
///
/// ```
/// use bitopro_auth::NonceSource;
///
/// let source = NonceSource::new();
/// assert_eq!(source.next(1_554_380_909_131).get(), 1_554_380_909_131);
/// // The clock has stepped back, but the nonce still increases.
/// assert_eq!(source.next(1_554_380_909_000).get(), 1_554_380_909_132);
/// ```
#[derive(Debug, Default)]
pub struct NonceSource {
    last: AtomicU64,
}

impl NonceSource {
    /// The latest time that is used as a nonce: the end of the year 9999. The limit keeps nonces below 2^53, so
    /// that every JSON parser reads them exactly, and leaves room for increments.
    const MAX_MS: u64 = 253_402_300_799_999;

    /// Creates a source whose first nonce is the time passed to [`next`](Self::next).
    pub const fn new() -> Self {
        Self { last: AtomicU64::new(0) }
    }

    /// Returns the next nonce: the given time in Unix milliseconds, or the last nonce plus one if that is
    /// larger.
    ///
    /// Times after the year 9999 count as the end of that year.
    pub fn next(&self, now_ms: u64) -> Nonce {
        let next = |last: u64| now_ms.min(Self::MAX_MS).max(last.saturating_add(1));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        let (Ok(last) | Err(last)) = last;
        Nonce(next(last))
    }

    /// Returns the last nonce, or `None` if no nonce was created yet.
    pub fn last(&self) -> Option<Nonce> {
        let last = self.last.load(Ordering::Relaxed);
        (last > 0).then_some(Nonce(last))
    }
}

#[cfg(test)]
mod tests {
    use super::{Nonce, NonceSource};
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn nonces_follow_the_clock() {
        let source = NonceSource::new();
        assert_eq!(source.last(), None);
        assert_eq!(source.next(1_554_380_909_131).get(), 1_554_380_909_131);
        assert_eq!(source.last().map(Nonce::get), Some(1_554_380_909_131));
        assert_eq!(source.next(1_554_380_909_140).get(), 1_554_380_909_140);
        assert_eq!(source.next(1_554_380_909_150).to_string(), "1554380909150");
    }

    #[test]
    fn threads_get_distinct_nonces_from_a_frozen_clock() {
        let source = NonceSource::new();
        let nonces: Vec<u64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..1000).map(|_| source.next(5_000).get()).collect::<Vec<_>>()))
                .collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(nonces.iter().collect::<HashSet<_>>().len(), 4000);
        assert_eq!((nonces.iter().min(), nonces.iter().max()), (Some(&5_000), Some(&8_999)));
    }

    proptest! {
        #[test]
        fn nonces_increase_for_any_clock_readings(times in prop::collection::vec(any::<u64>(), 1..100)) {
            let source = NonceSource::new();
            let nonces: Vec<u64> = times.into_iter().map(|now| source.next(now).get()).collect();
            prop_assert!(nonces.is_sorted_by(|a, b| a < b), "{:?}", nonces);
            prop_assert!(nonces.iter().all(|nonce| *nonce < 1 << 53));
        }
    }
}
