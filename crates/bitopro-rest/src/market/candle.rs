use std::fmt;
use std::str::FromStr;

use bitopro_model::__private::wire_struct;
use bitopro_model::{Decimal, Pair, Timestamp, UnixSeconds};

use crate::call::call;
use crate::parts::shown;
use crate::{Endpoint, Error, ErrorKind, List};

/// Gets the candles of a pair. A period without trades has no candle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetCandles {
    pair: Pair,
    resolution: Resolution,
    from: UnixSeconds,
    to: UnixSeconds,
}

impl GetCandles {
    /// Creates the call for the candles between two times.
    ///
    /// Candles of one and five minutes reach back 365 days.
    pub fn new(pair: impl Into<Pair>, resolution: Resolution, from: UnixSeconds, to: UnixSeconds) -> Self {
        Self { pair: pair.into(), resolution, from, to }
    }
}

call!(GetCandles => Candles, List<Candle>, |this, parts| {
    parts.pair(&this.pair);
    if this.from > this.to {
        parts.problem(format!("`from` is {}, after `to`, {}", this.from, this.to));
    }
    parts.query("resolution", Some(this.resolution));
    parts.query("from", Some(this.from.as_secs()));
    parts.query("to", Some(this.to.as_secs()));
});

wire_struct! {
    /// The prices and the volume of one period.
    pub struct Candle ("a candle") {
        /// The start of the period, in milliseconds.
        "timestamp" => timestamp: Timestamp,
        /// The first price.
        "open" => open: Decimal,
        /// The highest price.
        "high" => high: Decimal,
        /// The lowest price.
        "low" => low: Decimal,
        /// The last price.
        "close" => close: Decimal,
        /// The traded amount of the base currency.
        "volume" => volume: Decimal,
    }
}

/// Declares the resolutions.
macro_rules! resolutions {
    ($($(#[$meta:meta])* $name:ident = $text:literal,)*) => {
        /// The length of a candle's period.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Resolution {
            $($(#[$meta])* $name,)*
        }

        impl Resolution {
            /// All resolutions, shortest first.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Returns the text on the wire, such as `1m`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

resolutions! {
    /// One minute.
    OneMinute = "1m",
    /// Five minutes.
    FiveMinutes = "5m",
    /// Fifteen minutes.
    FifteenMinutes = "15m",
    /// Thirty minutes.
    ThirtyMinutes = "30m",
    /// One hour.
    OneHour = "1h",
    /// Three hours.
    ThreeHours = "3h",
    /// Four hours.
    FourHours = "4h",
    /// Six hours.
    SixHours = "6h",
    /// Twelve hours.
    TwelveHours = "12h",
    /// One day.
    OneDay = "1d",
    /// One week.
    OneWeek = "1w",
    /// One month.
    OneMonth = "1M",
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Parses the text on the wire. The case matters: `1m` is a minute, `1M` a month.
impl FromStr for Resolution {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.iter().copied().find(|known| known.as_str() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|known| known.as_str()).collect();
            let problem =
                format!("unknown resolution `{}`; expected one of {}", shown(text), known.join(", "));
            Error::invalid(ErrorKind::InvalidCall, Some(Endpoint::Candles), &problem)
        })
    }
}
