use std::time::Duration;

/// Growing delays with full jitter between dials.
///
/// Each delay is drawn uniformly between zero and a bound that doubles. Clients that lost the same server at
/// the same time therefore spread their reconnects.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    bound: Duration,
    random: fastrand::Rng,
}

impl Backoff {
    pub(crate) fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self { first, longest, bound: first.min(longest), random: fastrand::Rng::with_seed(seed) }
    }

    pub(crate) fn next_delay(&mut self) -> Duration {
        let delay = self.bound.mul_f64(self.random.f64());
        self.bound = self.bound.saturating_mul(2).min(self.longest);
        delay
    }

    /// Raises the bound to at least the value that it has after this number of delays.
    pub(crate) fn raise_bound(&mut self, delays: u32) {
        let bound = self.first.saturating_mul(2_u32.saturating_pow(delays));
        self.bound = self.bound.max(bound.min(self.longest));
    }

    pub(crate) fn reset(&mut self) {
        self.bound = self.first.min(self.longest);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::Backoff;

    proptest! {
        #[test]
        fn delays_stay_below_a_bound_that_doubles(seed: u64) {
            let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30), seed);
            for bound in [1, 2, 4, 8, 16, 30, 30, 30] {
                prop_assert!(backoff.next_delay() <= Duration::from_secs(bound));
            }
            backoff.reset();
            prop_assert!(backoff.next_delay() <= Duration::from_secs(1));
        }

        #[test]
        fn raising_the_bound_never_lowers_it(seed: u64, delays in 0u32..100, other_delays in 0u32..100) {
            let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30), seed);
            for _ in 0..delays {
                backoff.next_delay();
            }
            let before = backoff.bound;
            backoff.raise_bound(other_delays);
            let expected = Duration::from_secs(1 << other_delays.min(5)).min(Duration::from_secs(30));
            prop_assert_eq!(backoff.bound, before.max(expected));
        }
    }

    #[test]
    fn the_first_delays_of_many_clients_are_spread_evenly() {
        let first_delays: Vec<Duration> = (0..200)
            .map(|seed| Backoff::new(Duration::from_secs(1), Duration::from_secs(30), seed).next_delay())
            .collect();
        let count_between = |from: u64, to: u64| {
            first_delays
                .iter()
                .filter(|d| (from..to).contains(&u64::try_from(d.as_millis()).unwrap()))
                .count()
        };
        for quarter in 0..4 {
            let count = count_between(quarter * 250, (quarter + 1) * 250);
            assert!((25..=75).contains(&count), "{count} of 200 in quarter {quarter}");
        }
    }
}
