//! The rules by which refusals end a stream. They depend only on the cause, the number and the duration of
//! the refusals.

use std::time::Instant;

use super::dialer::RefusalStreak;
use crate::{ErrorKind, Settings};

/// Minimum number of refusals that end a stream whose key has worked.
const MIN_KEY_REFUSALS: u32 = 3;

/// The causes of refusals that can end a stream, each with its own rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// 401: the key is not accepted on any path.
    Key,
    /// 403: the key is not accepted on this path.
    Permission,
    /// 400, 404, 422, a redirect, or a 2xx instead of the upgrade: the path is not served.
    Path,
    /// 409: the clock is wrong.
    Clock,
    /// The server's certificate is not acceptable.
    Certificate,
    /// This machine is not set up to dial.
    Setup,
}

impl Cause {
    /// Returns the cause of a failure, or `None` if the failure is not a refusal of one of these kinds.
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

    /// Returns whether a streak of refusals ends the stream.
    ///
    /// `has_worked` is whether this client has used the refused key, path or setup successfully before. If
    /// so, the refusals may be temporary errors of a gateway, so they end the stream only after the
    /// patience.
    pub(super) fn is_final(
        self,
        streak: RefusalStreak,
        has_worked: bool,
        now: Instant,
        settings: &Settings,
    ) -> bool {
        if has_worked {
            match self {
                Self::Key | Self::Permission => {
                    let min_count = settings.auth_attempts.max(MIN_KEY_REFUSALS);
                    streak.count >= min_count && streak.has_lasted(now, settings.key_patience)
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

/// The streaks of refusals of one stream since its last connection.
#[derive(Debug, Default)]
pub(super) struct RefusalStreaks {
    /// 401 and 403 combined.
    pub(super) auth: Option<RefusalStreak>,
    pub(super) path: Option<RefusalStreak>,
    pub(super) clock: Option<RefusalStreak>,
    pub(super) certificate: Option<RefusalStreak>,
    pub(super) setup: Option<RefusalStreak>,
}

impl RefusalStreaks {
    pub(super) fn of(&mut self, cause: Cause) -> &mut Option<RefusalStreak> {
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
    use crate::engine::dialer::RefusalStreak;
    use crate::system::test_start;

    #[test]
    fn each_cause_has_one_rule_before_the_first_success_and_another_one_after_it() {
        let (settings, start) = (Settings::default(), test_start());
        let is_final = |cause: Cause, count, seconds, has_worked| {
            let streak = RefusalStreak { first_at: start, first_timestamp: Timestamp::from_millis(0), count };
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
