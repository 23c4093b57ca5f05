//! When a refusal ends a stream: one pure function of what was refused, how often and for how long.

use std::time::Instant;

use super::dialer::Streak;
use crate::{ErrorKind, Settings};

/// Number of refusals, at least, after which a key that has worked is given up.
const KEY_REFUSALS: u32 = 3;

/// The kinds of refusals that can end a stream. Each has its own streak and its own rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// 401: the key is not accepted on any path.
    Key,
    /// 403: the key is not accepted on this path.
    Permission,
    /// The path: 400, 404, 422, a redirect, or a 2xx instead of the upgrade.
    Path,
    /// 409: the clock.
    Clock,
    /// The server's certificate.
    Certificate,
    /// This machine.
    Setup,
}

impl Cause {
    /// Returns the cause of a failure that can end a stream. All others are retried forever.
    pub(super) fn of(kind: ErrorKind) -> Option<Self> {
        match kind {
            ErrorKind::Unauthorized => Some(Self::Key),
            ErrorKind::Forbidden => Some(Self::Permission),
            ErrorKind::WrongPath | ErrorKind::BadRequest | ErrorKind::Redirected => Some(Self::Path),
            ErrorKind::ClockSkew { .. } => Some(Self::Clock),
            ErrorKind::Certificate => Some(Self::Certificate),
            ErrorKind::Setup => Some(Self::Setup),
            _ => None,
        }
    }

    /// Returns whether a streak of refusals ends the stream. `has_worked` says whether what was refused had been
    /// accepted by this client before: then a gateway may merely have a bad minute.
    pub(super) fn is_final(
        self,
        streak: Streak,
        has_worked: bool,
        now: Instant,
        settings: &Settings,
    ) -> bool {
        if has_worked {
            match self {
                Self::Key | Self::Permission => {
                    let enough = settings.auth_attempts.max(KEY_REFUSALS);
                    streak.count >= enough && streak.has_lasted(now, settings.key_patience)
                }
                Self::Path | Self::Clock | Self::Certificate | Self::Setup => {
                    streak.has_lasted(now, settings.patience)
                }
            }
        } else {
            streak.count
                >= match self {
                    Self::Key | Self::Permission => settings.auth_attempts,
                    Self::Path | Self::Setup => 1,
                    Self::Clock => settings.clock_attempts,
                    Self::Certificate => settings.certificate_attempts,
                }
        }
    }
}

/// The streaks of one stream's refusals since its last connection.
#[derive(Debug, Default)]
pub(super) struct Streaks {
    /// 401 and 403 together.
    pub(super) auth: Option<Streak>,
    pub(super) path: Option<Streak>,
    pub(super) clock: Option<Streak>,
    pub(super) certificate: Option<Streak>,
    pub(super) setup: Option<Streak>,
}

impl Streaks {
    pub(super) fn of(&mut self, cause: Cause) -> &mut Option<Streak> {
        match cause {
            Cause::Key | Cause::Permission => &mut self.auth,
            Cause::Path => &mut self.path,
            Cause::Clock => &mut self.clock,
            Cause::Certificate => &mut self.certificate,
            Cause::Setup => &mut self.setup,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bitopro_model::Timestamp;

    use super::Cause;
    use crate::Settings;
    use crate::engine::dialer::Streak;
    use crate::system::test_start;

    #[test]
    fn each_cause_has_its_rule_before_and_after_it_has_worked() {
        let (settings, start) = (Settings::default(), test_start());
        let is_final = |cause: Cause, count, seconds, has_worked| {
            let streak = Streak { first: start, since: Timestamp::from_millis(0), count };
            cause.is_final(streak, has_worked, start + Duration::from_secs(seconds), &settings)
        };
        for (cause, count) in [
            (Cause::Path, 1),
            (Cause::Setup, 1),
            (Cause::Key, 2),
            (Cause::Permission, 2),
            (Cause::Certificate, 2),
            (Cause::Clock, 3),
        ] {
            assert!(is_final(cause, count, 0, false), "{cause:?}");
            assert!(!is_final(cause, count - 1, 100_000, false), "{cause:?}");
        }
        for cause in [Cause::Path, Cause::Setup, Cause::Certificate, Cause::Clock] {
            assert!(!is_final(cause, 1_000, 899, true), "{cause:?}");
            assert!(is_final(cause, 2, 900, true), "{cause:?}");
        }
        for cause in [Cause::Key, Cause::Permission] {
            assert!(!is_final(cause, 2, 100_000, true), "{cause:?}");
            assert!(!is_final(cause, 1_000, 299, true), "{cause:?}");
            assert!(is_final(cause, 3, 300, true), "{cause:?}");
        }
    }
}
