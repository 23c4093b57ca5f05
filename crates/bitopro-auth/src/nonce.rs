use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number that makes one request differ from every other: Unix milliseconds, always increasing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(pub(crate) u64);

impl Nonce {
    /// The nonce as a number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Gives nonces that never repeat and never go back, whatever the clock does and however many threads ask.
///
/// The exchange refuses a nonce that is not larger than the last one of the same API key: use one source
/// per key. Share it by reference or in an `Arc`; a [`Signer`](crate::Signer) holds one.
#[derive(Debug, Default)]
pub struct NonceSource {
    last: AtomicU64,
}

impl NonceSource {
    /// The latest time that is believed, the end of the year 9999: a clock beyond it leaves room for
    /// nonces that increase by one, and that JSON readers can hold exactly.
    const LATEST_MS: u64 = 253_402_300_799_999;

    /// A source that has given no nonce yet.
    pub const fn new() -> Self {
        Self { last: AtomicU64::new(0) }
    }

    /// The next nonce: the time given, in Unix milliseconds, or one more than the last nonce if that is
    /// larger.
    pub fn next(&self, now_ms: u64) -> Nonce {
        let next = |last: u64| now_ms.min(Self::LATEST_MS).max(last.saturating_add(1));
        let last = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(next(last)));
        let (Ok(last) | Err(last)) = last;
        Nonce(next(last))
    }

    /// Returns the last nonce, if any was made.
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
    fn follows_the_clock() {
        let source = NonceSource::new();
        assert_eq!(source.last(), None);
        assert_eq!(source.next(1_554_380_909_131).get(), 1_554_380_909_131);
        assert_eq!(source.last().map(Nonce::get), Some(1_554_380_909_131));
        assert_eq!(source.next(1_554_380_909_140).get(), 1_554_380_909_140);
        assert_eq!(source.next(1_554_380_909_150).to_string(), "1554380909150");
    }

    #[test]
    fn a_frozen_clock_gives_distinct_nonces_to_many_threads() {
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
        fn increases_whatever_the_clock_does(times in prop::collection::vec(any::<u64>(), 1..100)) {
            let source = NonceSource::new();
            let nonces: Vec<u64> = times.into_iter().map(|now| source.next(now).get()).collect();
            prop_assert!(nonces.is_sorted_by(|a, b| a < b), "{:?}", nonces);
            prop_assert!(nonces.iter().all(|nonce| *nonce < 1 << 53));
        }
    }
}
