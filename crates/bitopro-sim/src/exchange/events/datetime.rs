use bitopro_model::{Datetime, Timestamp};

use crate::Datetimes;

/// Taiwan's offset from UTC, all year round.
const TAIWAN_OFFSET_MS: i64 = 8 * 60 * 60 * 1_000;

impl Datetimes {
    /// Formats a time, or returns `None` if it is outside the years 0 to 9999.
    pub(crate) fn format(self, time: Timestamp) -> Option<Datetime> {
        let shown_ms = match self {
            Self::Utc => time.as_millis(),
            Self::TaiwanMarkedUtc => time.as_millis().checked_add(TAIWAN_OFFSET_MS)?,
        };
        Timestamp::from_millis(shown_ms).to_rfc3339().map(Datetime::from)
    }
}

#[cfg(test)]
mod tests {
    use bitopro_model::Timestamp;

    use super::Datetimes;

    /// The `timestamp` of the original document's sample.
    const SAMPLE: Timestamp = Timestamp::from_millis(1_639_553_303_365);

    #[test]
    fn the_datetime_matches_the_sample_or_is_eight_hours_ahead() {
        assert_eq!(Datetimes::Utc.format(SAMPLE), Some("2021-12-15T07:28:23.365Z".into()));
        assert_eq!(Datetimes::TaiwanMarkedUtc.format(SAMPLE), Some("2021-12-15T15:28:23.365Z".into()));
        assert_eq!(
            Datetimes::Utc.format(Timestamp::from_millis(-1)),
            Some("1969-12-31T23:59:59.999Z".into())
        );
        for out_of_range in [i64::MIN, i64::MAX] {
            assert_eq!(Datetimes::TaiwanMarkedUtc.format(Timestamp::from_millis(out_of_range)), None);
        }
    }
}
