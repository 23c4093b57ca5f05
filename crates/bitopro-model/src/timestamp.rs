use std::cmp::Ordering;
use std::fmt;
use std::time::{Duration, SystemTime};

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A moment by the exchange's clock: Unix milliseconds, UTC.
///
/// The `timestamp` of an event is the only clock of the wire to compute with; `datetime` beside it is a
/// text that has been seen eight hours off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment this many milliseconds after the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The same moment as a [`SystemTime`], or `None` where the platform cannot represent it.
    pub fn to_system_time(self) -> Option<SystemTime> {
        let distance = Duration::from_millis(self.0.unsigned_abs());
        if self.0 < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(distance)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(distance)
        }
    }

    /// Formats the moment as RFC 3339 in UTC with milliseconds: `2021-12-15T07:28:23.365Z`. Returns `None` outside of
    /// the years 0000 to 9999, where `Display` shows a number.
    pub fn to_rfc3339(self) -> Option<String> {
        self.to_utc().map(|time| format!("{time:.3}Z"))
    }

    fn to_utc(self) -> Option<DateTime> {
        utc(SignedDuration::from_millis(self.0))
    }
}

impl Timestamp {
    /// Compares two times no more finely than the coarser of the two: if either is a whole second, to the second.
    ///
    /// The exchange cuts some times off to whole seconds, so within a second it is not known which is later. Not an
    /// order to sort by: of three times, the first can equal the second and the second the third, and yet the
    /// first precede the third.
    ///
    /// ```
    /// use std::cmp::Ordering;
    ///
    /// use bitopro_model::Timestamp;
    ///
    /// let [cut_off, full] = [1_639_386_803_000, 1_639_386_803_663].map(Timestamp::from_millis);
    /// assert_eq!(full.compare_coarsely(cut_off), Ordering::Equal);
    /// ```
    pub fn compare_coarsely(self, other: Self) -> Ordering {
        let is_whole = |time: Self| time.0 % 1_000 == 0;
        if is_whole(self) || is_whole(other) {
            self.0.div_euclid(1_000).cmp(&other.0.div_euclid(1_000))
        } else {
            self.cmp(&other)
        }
    }

    /// Converts a time whose unit is not known to milliseconds. As seconds, a number of this size is before the year
    /// 5139; as milliseconds it would be before March 1973.
    pub(crate) const fn in_millis(self) -> Self {
        if self.0.unsigned_abs() < 100_000_000_000 { Self(self.0 * 1_000) } else { self }
    }
}

/// Truncates to milliseconds, towards the past.
impl TryFrom<SystemTime> for Timestamp {
    type Error = TimestampRangeError;

    fn try_from(time: SystemTime) -> Result<Self, TimestampRangeError> {
        let millis = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()),
            Err(before) => {
                i64::try_from(before.duration().as_nanos().div_ceil(1_000_000)).map(|millis| -millis)
            }
        };
        millis.map(Self).map_err(|_| TimestampRangeError)
    }
}

/// A time that milliseconds in 64 bits cannot represent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the time is more than 292 million years from 1970")]
#[non_exhaustive]
pub struct TimestampRangeError;

impl fmt::Display for Timestamp {
    /// Formats the moment as RFC 3339 in UTC with milliseconds: `2021-12-15T07:28:23.365Z`. Outside of the years 0000
    /// to 9999, shows the number: `-62167219200001 ms since the Unix epoch`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_utc() {
            Some(time) => write!(f, "{time:.3}Z"),
            None => write!(f, "{} ms since the Unix epoch", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self)
    }
}

/// A moment by the exchange's clock in whole Unix seconds, UTC: the times of a trade.
///
/// A type of its own, so that seconds and milliseconds cannot be taken for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(i64);

impl UnixSeconds {
    /// The moment this many seconds after the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs)
    }

    /// Seconds since the Unix epoch.
    pub const fn as_secs(self) -> i64 {
        self.0
    }

    /// The beginning of that second, or `None` where milliseconds cannot count so far.
    pub fn to_timestamp(self) -> Option<Timestamp> {
        self.0.checked_mul(1_000).map(Timestamp)
    }
}

impl fmt::Display for UnixSeconds {
    /// Formats the moment as RFC 3339 in UTC: `2021-12-15T07:28:23Z`. Outside of the years 0000 to 9999, shows the
    /// number: `-62167219201 s since the Unix epoch`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match utc(SignedDuration::from_secs(self.0)) {
            Some(time) => write!(f, "{time:.0}Z"),
            None => write!(f, "{} s since the Unix epoch", self.0),
        }
    }
}

impl Serialize for UnixSeconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de> Deserialize<'de> for UnixSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self)
    }
}

/// Returns the date and time of day in UTC, if the year has four digits.
fn utc(since_epoch: SignedDuration) -> Option<DateTime> {
    // Unlike jiff's own timestamps, which leave a day for time zones, this reaches the last moment of the year 9999.
    const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    EPOCH.checked_add(since_epoch).ok().filter(|time| time.year() >= 0)
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;
    use std::time::{Duration, SystemTime};

    use super::{Timestamp, UnixSeconds};

    #[test]
    fn converts_to_system_time_on_both_sides_of_the_epoch() {
        for millis in [0, 1, -1, 1_639_553_303_365] {
            let time = Timestamp::from_millis(millis).to_system_time().unwrap();
            let back = match time.duration_since(SystemTime::UNIX_EPOCH) {
                Ok(after) => i64::try_from(after.as_millis()).unwrap(),
                Err(before) => -i64::try_from(before.duration().as_millis()).unwrap(),
            };
            assert_eq!(back, millis);
            assert_eq!(Timestamp::try_from(time), Ok(Timestamp::from_millis(millis)));
        }
        let within_a_millisecond = SystemTime::UNIX_EPOCH - Duration::from_nanos(1);
        assert_eq!(Timestamp::try_from(within_a_millisecond), Ok(Timestamp::from_millis(-1)));
    }

    #[test]
    fn is_shown_as_rfc_3339_in_utc_within_the_years_of_four_digits() {
        for (millis, expected) in [
            (1_639_553_303_365, "2021-12-15T07:28:23.365Z"),
            (1_639_553_303_000, "2021-12-15T07:28:23.000Z"),
            (1_639_553_303_070, "2021-12-15T07:28:23.070Z"),
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] {
            let time = Timestamp::from_millis(millis);
            assert_eq!(time.to_string(), expected);
            assert_eq!(time.to_rfc3339().as_deref(), Some(expected));
        }
        for (millis, expected) in [
            (-62_167_219_200_001, "-62167219200001 ms since the Unix epoch"),
            (253_402_300_800_000, "253402300800000 ms since the Unix epoch"),
            (i64::MIN, "-9223372036854775808 ms since the Unix epoch"),
            (i64::MAX, "9223372036854775807 ms since the Unix epoch"),
        ] {
            let time = Timestamp::from_millis(millis);
            assert_eq!(time.to_string(), expected);
            assert_eq!(time.to_rfc3339(), None);
        }
    }

    #[test]
    fn seconds_are_shown_without_a_fraction() {
        for (secs, expected) in [
            (1_639_553_303, "2021-12-15T07:28:23Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (-62_167_219_200, "0000-01-01T00:00:00Z"),
            (-62_167_219_201, "-62167219201 s since the Unix epoch"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "253402300800 s since the Unix epoch"),
            (i64::MIN, "-9223372036854775808 s since the Unix epoch"),
            (i64::MAX, "9223372036854775807 s since the Unix epoch"),
        ] {
            assert_eq!(UnixSeconds::from_secs(secs).to_string(), expected);
        }
    }

    #[test]
    fn is_compared_as_finely_as_both_times_are_written() {
        use Ordering::{Equal, Greater, Less};
        for (a, b, expected) in [
            (5_663, 5_664, Less),
            (5_663, 5_663, Equal),
            (5_000, 5_663, Equal),
            (5_000, 5_999, Equal),
            (5_000, 4_999, Greater),
            (5_000, 6_000, Less),
            (5_999, 6_000, Less),
            (0, -1, Greater),
            (-1_000, -1, Equal),
            (i64::MIN, i64::MAX, Less),
        ] {
            let [a, b] = [a, b].map(Timestamp::from_millis);
            assert_eq!(a.compare_coarsely(b), expected, "{a} {b}");
            assert_eq!(b.compare_coarsely(a), expected.reverse(), "{b} {a}");
        }
    }

    #[test]
    fn a_small_number_is_taken_for_seconds() {
        for (wire, millis) in [
            (1_639_386_803, 1_639_386_803_000),
            (1_639_386_803_000, 1_639_386_803_000),
            (99_999_999_999, 99_999_999_999_000),
            (-99_999_999_999, -99_999_999_999_000),
            (100_000_000_000, 100_000_000_000),
            (0, 0),
            (i64::MIN, i64::MIN),
        ] {
            assert_eq!(Timestamp(wire).in_millis(), Timestamp(millis));
        }
    }
}
