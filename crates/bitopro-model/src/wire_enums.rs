//! The words of the wire: fixed texts and numbers that stand for something, and those that the exchange adds
//! without notice.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use smol_str::SmolStr;

use crate::wire::field_by_serde;

/// Declares an enum of texts. The first text of a variant is written, all are read; any other text is kept.
macro_rules! wire_enums {
    ($($(#[$meta:meta])* $name:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $text:literal $(| $alias:literal)*,)*
    })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)*
            /// A text that this version does not know, written back verbatim.
            Unknown(Box<str>),
        }

        impl $name {
            /// The text on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Unknown(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text $(| $alias)* => Self::$variant,)*
                    unknown => Self::Unknown(unknown.into()),
                }
            }
        }

        impl FromStr for $name {
            type Err = Infallible;

            fn from_str(text: &str) -> Result<Self, Infallible> {
                Ok(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                SmolStr::deserialize(deserializer).map(|text| text.as_str().into())
            }
        }

        field_by_serde!($name);
    )*};
}

wire_enums! {
    /// What an order does.
    Action {
        /// Buys the base currency.
        Buy = "BUY",
        /// Sells the base currency.
        Sell = "SELL",
    }

    /// What kind of order it is.
    OrderType {
        /// Executes at its price or better.
        Limit = "LIMIT",
        /// Executes at once, at what the book offers. The documentation also spells it `Market`.
        Market = "MARKET" | "Market",
        /// Becomes a limit order when the stop price is reached.
        StopLimit = "STOP_LIMIT",
        /// `SP_OCO_STOPLIMIT`: of a one-cancels-the-other pair, the one that takes the profit.
        SpOcoStopLimit = "SP_OCO_STOPLIMIT",
        /// `SL_OCO_STOPLIMIT`: of a one-cancels-the-other pair, the one that stops the loss.
        SlOcoStopLimit = "SL_OCO_STOPLIMIT",
    }

    /// How long an order may stand, and whether it may take.
    TimeInForce {
        /// Good till cancelled. Market orders always say this.
        GoodTillCancelled = "GTC",
        /// Is cancelled rather than matched at once, so that it only ever makes.
        PostOnly = "POST_ONLY",
    }

    /// How the market must stand to the stop price for a stop order to be triggered.
    Condition {
        /// At the stop price or above.
        AtOrAbove = ">=",
        /// At the stop price or below.
        AtOrBelow = "<=",
    }

    /// The side of the book that the account's order was on, in the words of trades.
    TradeSide {
        /// A sale.
        Ask = "ask",
        /// A purchase.
        Bid = "bid",
    }
}

impl TradeSide {
    /// The same in the words of orders. A side that is not known stays as it is.
    pub fn action(&self) -> Action {
        match self {
            Self::Ask => Action::Sell,
            Self::Bid => Action::Buy,
            Self::Unknown(side) => Action::Unknown(side.clone()),
        }
    }
}

/// How far an order has come. On the wire it is a number; 5 is not documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OrderStatus {
    /// -1: a stop order that has not been triggered.
    NotTriggered,
    /// 0: in progress, nothing executed.
    InProgress,
    /// 1: in progress, executed in part.
    InProgressPartialDeal,
    /// 2: executed whole.
    Completed,
    /// 3: over, executed in part.
    CompletedPartialDeal,
    /// 4: cancelled.
    Cancelled,
    /// 6: post-only, and cancelled since it would have matched at once.
    PostOnlyCancelled,
    /// A number that this version does not know, written back as it came.
    Unknown(i64),
}

impl OrderStatus {
    /// The number on the wire.
    pub const fn code(self) -> i64 {
        match self {
            Self::NotTriggered => -1,
            Self::InProgress => 0,
            Self::InProgressPartialDeal => 1,
            Self::Completed => 2,
            Self::CompletedPartialDeal => 3,
            Self::Cancelled => 4,
            Self::PostOnlyCancelled => 6,
            Self::Unknown(code) => code,
        }
    }

    /// Whether an order may still execute or be triggered. Of a status that is not known, nobody can say.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::NotTriggered | Self::InProgress | Self::InProgressPartialDeal)
    }

    /// Whether nothing will happen to an order any more. Of a status that is not known, nobody can say.
    pub const fn is_final(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::CompletedPartialDeal | Self::Cancelled | Self::PostOnlyCancelled
        )
    }
}

impl From<i64> for OrderStatus {
    fn from(code: i64) -> Self {
        match code {
            -1 => Self::NotTriggered,
            0 => Self::InProgress,
            1 => Self::InProgressPartialDeal,
            2 => Self::Completed,
            3 => Self::CompletedPartialDeal,
            4 => Self::Cancelled,
            6 => Self::PostOnlyCancelled,
            unknown => Self::Unknown(unknown),
        }
    }
}

impl Serialize for OrderStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.code())
    }
}

impl<'de> Deserialize<'de> for OrderStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        i64::deserialize(deserializer).map(Self::from)
    }
}

field_by_serde!(OrderStatus);

#[cfg(test)]
mod tests {
    use super::{Action, OrderStatus, OrderType, TradeSide};

    #[test]
    fn fault_31_every_status_is_written_as_it_was_read_and_is_open_final_or_unknown() {
        for code in -3..10 {
            let status = OrderStatus::from(code);
            assert_eq!(status.code(), code);
            let known = !matches!(status, OrderStatus::Unknown(_));
            assert_eq!(known, [-1, 0, 1, 2, 3, 4, 6].contains(&code));
            assert_eq!(status.is_open() ^ status.is_final(), known, "{code}");
        }
    }

    #[test]
    fn fault_31_a_word_that_is_not_known_is_kept() {
        for (text, written) in
            [("LIMIT", "LIMIT"), ("Market", "MARKET"), ("ICEBERG", "ICEBERG"), ("limit", "limit")]
        {
            assert_eq!(OrderType::from(text).as_str(), written);
        }
        assert_eq!(OrderType::from("limit"), OrderType::Unknown("limit".into()));
        assert_eq!(TradeSide::from("ask").action(), Action::Sell);
        assert_eq!(TradeSide::from("bid").action(), Action::Buy);
        assert_eq!(TradeSide::from("rfq").action(), Action::Unknown("rfq".into()));
    }
}
