use std::time::Duration;

/// Growing, jittered delays between dials.
///
/// Full jitter: each delay is drawn evenly between nothing and a bound that doubles. A crowd of clients
/// that lost the same server then comes back spread out.
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

    /// Begins no smaller than after so many delays.
    pub(crate) fn catch_up(&mut self, delays: u32) {
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
        fn catching_up_never_makes_it_shorter(seed: u64, delays in 0u32..100, caught_up in 0u32..100) {
            let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30), seed);
            for _ in 0..delays {
                backoff.next_delay();
            }
            let before = backoff.bound;
            backoff.catch_up(caught_up);
            let expected = Duration::from_secs(1 << caught_up.min(5)).min(Duration::from_secs(30));
            prop_assert_eq!(backoff.bound, before.max(expected));
        }
    }

    #[test]
    fn clients_that_start_together_come_back_apart() {
        let first: Vec<Duration> = (0..200)
            .map(|seed| Backoff::new(Duration::from_secs(1), Duration::from_secs(30), seed).next_delay())
            .collect();
        let within = |from: u64, to: u64| {
            first.iter().filter(|d| (from..to).contains(&u64::try_from(d.as_millis()).unwrap())).count()
        };
        for quarter in 0..4 {
            let count = within(quarter * 250, (quarter + 1) * 250);
            assert!((25..=75).contains(&count), "{count} of 200 in quarter {quarter}");
        }
    }
}
