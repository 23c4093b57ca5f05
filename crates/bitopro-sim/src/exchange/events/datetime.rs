use bitopro_model::Timestamp;

use crate::Datetimes;

/// Taiwan's offset from UTC, all year round.
const TAIWAN_OFFSET_MS: i64 = 8 * 60 * 60 * 1_000;

impl Datetimes {
    /// The text for a moment, or `None` for one outside of the years 0 to 9999.
    pub(crate) fn format(self, moment: Timestamp) -> Option<String> {
        let shown_ms = match self {
            Self::Utc => moment.as_millis(),
            Self::TaiwanMarkedUtc => moment.as_millis().checked_add(TAIWAN_OFFSET_MS)?,
        };
        Timestamp::from_millis(shown_ms).to_rfc3339()
    }
}

#[cfg(test)]
mod tests {
    use bitopro_model::Timestamp;

    use super::Datetimes;

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
