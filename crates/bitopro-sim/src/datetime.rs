use bitopro_model::Timestamp;
use time::{Duration, OffsetDateTime};

/// How `datetime` is written. Both end in a `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Datetimes {
    /// In UTC, as in the samples of the exchange's documentation.
    #[default]
    Utc,
    /// In Taiwan's time, eight hours ahead of what its `Z` says, as measured on the live public sockets.
    TaiwanMarkedUtc,
}

impl Datetimes {
    /// The text for a moment, or `None` for one outside of the years 0 to 9999.
    pub(crate) fn format(self, moment: Timestamp) -> Option<String> {
        let shift = match self {
            Self::Utc => Duration::ZERO,
            Self::TaiwanMarkedUtc => Duration::hours(8),
        };
        let nanos = i128::from(moment.as_millis()) * 1_000_000;
        let time = OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?.checked_add(shift)?;
        let year = u16::try_from(time.year()).ok().filter(|year| *year <= 9999)?;
        let (month, day) = (u8::from(time.month()), time.day());
        let (hour, minute, second, milli) = (time.hour(), time.minute(), time.second(), time.millisecond());
        Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moment and text of the founding document's sample.
    const SAMPLE: Timestamp = Timestamp::from_millis(1_639_553_303_365);

    #[test]
    fn is_written_as_in_the_sample_or_eight_hours_ahead() {
        assert_eq!(Datetimes::Utc.format(SAMPLE).as_deref(), Some("2021-12-15T07:28:23.365Z"));
        assert_eq!(Datetimes::TaiwanMarkedUtc.format(SAMPLE).as_deref(), Some("2021-12-15T15:28:23.365Z"));
        assert_eq!(
            Datetimes::Utc.format(Timestamp::from_millis(-1)).as_deref(),
            Some("1969-12-31T23:59:59.999Z")
        );
        for absurd in [i64::MIN, i64::MAX] {
            assert_eq!(Datetimes::TaiwanMarkedUtc.format(Timestamp::from_millis(absurd)), None);
        }
    }
}
