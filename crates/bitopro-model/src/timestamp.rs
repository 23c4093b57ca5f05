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

    /// Compares two times no more finely than the coarser of the two.
    pub fn compare_coarsely(self, other: Self) -> std::cmp::Ordering {
        let is_coarse = self.0 % 1000 == 0 || other.0 % 1000 == 0;
        if is_coarse { self.0.div_euclid(1000).cmp(&other.0.div_euclid(1000)) } else { self.cmp(&other) }
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
}
