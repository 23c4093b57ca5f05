use std::cmp::Ordering;
use std::fmt;
use std::time::{Duration, SystemTime};

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::wire::Integer;

/// A time according to the exchange's clock, in Unix milliseconds (UTC).
///
/// Use the `timestamp` of an event for calculations. Its `datetime` is text that has been observed to be eight
/// hours off.
///
/// # Examples
///
/// ```
/// use bitopro_model::Timestamp;
///
/// let sent = Timestamp::from_millis(1_639_553_303_365);
/// assert_eq!(sent.to_string(), "2021-12-15T07:28:23.365Z");
/// assert!(sent < Timestamp::from_millis(1_639_553_303_366));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Creates a timestamp from milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the number of milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Converts to a [`SystemTime`], or returns `None` if the platform cannot represent the time.
    pub fn to_system_time(self) -> Option<SystemTime> {
        let distance = Duration::from_millis(self.0.unsigned_abs());
        if self.0 < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(distance)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(distance)
        }
    }

    /// Formats the time as RFC 3339 in UTC with milliseconds: `2021-12-15T07:28:23.365Z`.
    ///
    /// Returns `None` outside the years 0000 to 9999. `Display` shows a number for such a time.
    pub fn to_rfc3339(self) -> Option<String> {
        self.to_utc().map(|time| format!("{time:.3}Z"))
    }

    fn to_utc(self) -> Option<DateTime> {
        utc(SignedDuration::from_millis(self.0))
    }
}

impl Timestamp {
    /// Compares two times at the precision of the less precise one: by the second if either is a whole
    /// second.
    ///
    /// The exchange truncates some times to whole seconds, so their order within a second is unknown. Do not
    /// sort by this comparison, because it is not transitive: a time can compare equal to two times that
    /// differ from each other.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cmp::Ordering;
    ///
    /// use bitopro_model::Timestamp;
    ///
    /// let [truncated, full] = [1_639_386_803_000, 1_639_386_803_663].map(Timestamp::from_millis);
    /// assert_eq!(full.compare_coarsely(truncated), Ordering::Equal);
    /// ```
    pub fn compare_coarsely(self, other: Self) -> Ordering {
        let is_whole = |time: Self| time.0 % 1_000 == 0;
        if is_whole(self) || is_whole(other) {
            self.0.div_euclid(1_000).cmp(&other.0.div_euclid(1_000))
        } else {
            self.cmp(&other)
        }
    }

    /// Converts a time in either seconds or milliseconds to milliseconds.
    ///
    /// A number below 10^11 is interpreted as seconds. In seconds, 10^11 falls in the year 5138; in
    /// milliseconds, it falls in March 1973.
    pub(crate) const fn normalized_to_millis(self) -> Self {
        if self.0.unsigned_abs() < 100_000_000_000 { Self(self.0 * 1_000) } else { self }
    }
}

/// Converts a [`SystemTime`], rounded down to whole milliseconds.
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

/// The error returned when a [`SystemTime`] does not fit into 64-bit milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("time out of range: more than 292 million years before or after 1970")]
#[non_exhaustive]
pub struct TimestampRangeError;

impl fmt::Display for Timestamp {
    /// Formats the time as RFC 3339 in UTC with milliseconds: `2021-12-15T07:28:23.365Z`.
    ///
    /// Outside the years 0000 to 9999, shows the number: `-62167219200001 ms since the Unix epoch`.
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

/// Accepts a string of digits too.
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Integer::deserialize(deserializer).map(|Integer(millis)| Self(millis))
    }
}

/// A time according to the exchange's clock, in whole Unix seconds (UTC). Used for the times of a trade.
///
/// A separate type prevents seconds from being confused with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(i64);

impl UnixSeconds {
    /// Creates a time from seconds since the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs)
    }

    /// Returns the number of seconds since the Unix epoch.
    pub const fn as_secs(self) -> i64 {
        self.0
    }

    /// Converts to the [`Timestamp`] of the start of the second, or returns `None` on overflow.
    pub fn to_timestamp(self) -> Option<Timestamp> {
        self.0.checked_mul(1_000).map(Timestamp)
    }
}

impl fmt::Display for UnixSeconds {
    /// Formats the time as RFC 3339 in UTC: `2021-12-15T07:28:23Z`.
    ///
    /// Outside the years 0000 to 9999, shows the number: `-62167219201 s since the Unix epoch`.
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

/// Accepts a string of digits too.
impl<'de> Deserialize<'de> for UnixSeconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Integer::deserialize(deserializer).map(|Integer(secs)| Self(secs))
    }
}

/// Returns the date and time in UTC, or `None` outside the years 0000 to 9999.
fn utc(since_epoch: SignedDuration) -> Option<DateTime> {
    // jiff's `Timestamp` ends about a day before the year 9999 does, to leave room for time zones.
    const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    EPOCH.checked_add(since_epoch).ok().filter(|time| time.year() >= 0)
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;
    use std::time::{Duration, SystemTime};

    use super::{Timestamp, UnixSeconds};

    #[test]
    fn times_before_and_after_the_epoch_convert_to_and_from_system_time() {
        for millis in [0, 1, -1, 1_639_553_303_365] {
            let time = Timestamp::from_millis(millis).to_system_time().unwrap();
            let back = match time.duration_since(SystemTime::UNIX_EPOCH) {
                Ok(after) => i64::try_from(after.as_millis()).unwrap(),
                Err(before) => -i64::try_from(before.duration().as_millis()).unwrap(),
            };
            assert_eq!(back, millis);
            assert_eq!(Timestamp::try_from(time), Ok(Timestamp::from_millis(millis)));
        }
        let nanosecond_before_epoch = SystemTime::UNIX_EPOCH - Duration::from_nanos(1);
        assert_eq!(Timestamp::try_from(nanosecond_before_epoch), Ok(Timestamp::from_millis(-1)));
    }

    #[test]
    fn years_of_four_digits_are_formatted_as_rfc_3339_in_utc() {
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
    fn seconds_are_formatted_without_a_fraction() {
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
    fn coarse_comparison_uses_the_less_precise_time() {
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
    fn a_small_number_is_interpreted_as_seconds() {
        for (wire, millis) in [
            (1_639_386_803, 1_639_386_803_000),
            (1_639_386_803_000, 1_639_386_803_000),
            (99_999_999_999, 99_999_999_999_000),
            (-99_999_999_999, -99_999_999_999_000),
            (100_000_000_000, 100_000_000_000),
            (0, 0),
            (i64::MIN, i64::MIN),
        ] {
            assert_eq!(Timestamp(wire).normalized_to_millis(), Timestamp(millis));
        }
    }
}
