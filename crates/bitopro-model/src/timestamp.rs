use std::cmp::Ordering;
use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

impl fmt::Display for Timestamp {
    /// The number of milliseconds, as on the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
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
    /// The number of seconds, as on the wire.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_to_system_time_on_both_sides_of_the_epoch() {
        for millis in [0, 1, -1, 1_639_553_303_365] {
            let time = Timestamp::from_millis(millis).to_system_time().unwrap();
            let back = match time.duration_since(SystemTime::UNIX_EPOCH) {
                Ok(after) => i64::try_from(after.as_millis()).unwrap(),
                Err(before) => -i64::try_from(before.duration().as_millis()).unwrap(),
            };
            assert_eq!(back, millis);
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
