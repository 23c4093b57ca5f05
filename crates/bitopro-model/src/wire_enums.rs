//! Enums that are strings or numbers on the wire. Values that the exchange adds without notice are kept as
//! `Unknown`.

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::wire::{Integer, field_by_serde};

/// Declares enums that are strings on the wire. The string of a variant is read in any case.
#[doc(hidden)]
#[macro_export]
macro_rules! __wire_enums {
    ($($(#[$meta:meta])* $name:ident {
        $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)*
    })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_meta])* $variant,)*
            /// A text that this version of the crate does not know, written back verbatim.
            Unknown(Box<str>),
        }

        impl $name {
            /// Returns the text on the wire, in the exchange's documented case.
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
                    $($text => Self::$variant,)*
                    $(_ if text.eq_ignore_ascii_case($text) => Self::$variant,)*
                    unknown => Self::Unknown(unknown.into()),
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::convert::Infallible;

            fn from_str(text: &str) -> Result<Self, std::convert::Infallible> {
                Ok(text.into())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <$crate::__private::Key<'_> as serde::Deserialize>::deserialize(deserializer)?;
                Ok(Self::from(&*text.0))
            }
        }

        $crate::__private::field_by_serde!($name: |cursor| cursor.string().map(Self::from););
    )*};
}

pub use crate::__wire_enums as wire_enums;

wire_enums! {
    /// The side of an order.
    Action {
        /// Buys the base currency.
        Buy = "BUY",
        /// Sells the base currency.
        Sell = "SELL",
    }

    /// The type of an order.
    OrderType {
        /// A limit order, executed at its price or better.
        Limit = "LIMIT",
        /// A market order, executed immediately at the best available prices. Also spelled `Market`.
        Market = "MARKET",
        /// A stop order, which becomes a limit order when the stop price is reached.
        StopLimit = "STOP_LIMIT",
        /// The take-profit order of a one-cancels-the-other pair: `SP_OCO_STOPLIMIT`.
        SpOcoStopLimit = "SP_OCO_STOPLIMIT",
        /// The stop-loss order of a one-cancels-the-other pair: `SL_OCO_STOPLIMIT`.
        SlOcoStopLimit = "SL_OCO_STOPLIMIT",
    }

    /// The time in force of an order, including whether it may match immediately.
    TimeInForce {
        /// Good till cancelled. Always used for market orders.
        GoodTillCancelled = "GTC",
        /// Post-only: the order is cancelled if it would match immediately, so it is always the maker.
        PostOnly = "POST_ONLY",
    }

    /// The comparison of the market price with the stop price that triggers a stop order.
    Condition {
        /// Triggered at or above the stop price: `>=`.
        AtOrAbove = ">=",
        /// Triggered at or below the stop price: `<=`.
        AtOrBelow = "<=",
    }

    /// The order book side of the account's order in a trade.
    TradeSide {
        /// A sale.
        Ask = "ask",
        /// A purchase.
        Bid = "bid",
    }
}

impl TradeSide {
    /// Returns the side as the [`Action`] of an order. An unknown side becomes an unknown action.
    pub fn action(&self) -> Action {
        match self {
            Self::Ask => Action::Sell,
            Self::Bid => Action::Buy,
            Self::Unknown(side) => Action::Unknown(side.clone()),
        }
    }
}

/// The status of an order, a number on the wire. The number 5 is not documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OrderStatus {
    /// A stop order that has not been triggered (-1).
    NotTriggered,
    /// In progress, with nothing executed (0).
    InProgress,
    /// In progress and partially executed (1).
    InProgressPartialDeal,
    /// Completely executed (2).
    Completed,
    /// Closed after a partial execution (3).
    CompletedPartialDeal,
    /// Cancelled (4).
    Cancelled,
    /// Post-only, and cancelled because it would have matched immediately (6).
    PostOnlyCancelled,
    /// A number that this version of the crate does not know, written back unchanged.
    Unknown(i64),
}

impl OrderStatus {
    /// Returns the number on the wire.
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

    /// Returns whether the order can still be executed or triggered. `false` for an unknown status.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::NotTriggered | Self::InProgress | Self::InProgressPartialDeal)
    }

    /// Returns whether the status is final. `false` for an unknown status.
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

/// Accepts a string of digits too.
impl<'de> Deserialize<'de> for OrderStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Integer::deserialize(deserializer).map(|Integer(code)| code.into())
    }
}

field_by_serde!(OrderStatus: |cursor| cursor.integer().map(Self::from););

#[cfg(test)]
mod tests {
    use super::{Action, OrderStatus, OrderType, TradeSide};

    #[test]
    fn fault_31_every_status_is_written_back_unchanged_and_is_open_final_or_unknown() {
        for code in -3..10 {
            let status = OrderStatus::from(code);
            assert_eq!(status.code(), code);
            let known = !matches!(status, OrderStatus::Unknown(_));
            assert_eq!(known, [-1, 0, 1, 2, 3, 4, 6].contains(&code));
            assert_eq!(status.is_open() ^ status.is_final(), known, "{code}");
        }
    }

    #[test]
    fn fault_31_an_unknown_text_is_kept() {
        for (text, written) in
            [("LIMIT", "LIMIT"), ("Market", "MARKET"), ("Iceberg", "Iceberg"), ("", ""), ("LIMIT ", "LIMIT ")]
        {
            assert_eq!(OrderType::from(text).as_str(), written);
        }
        assert_eq!(OrderType::from("Iceberg"), OrderType::Unknown("Iceberg".into()));
        assert_eq!(TradeSide::from("ask").action(), Action::Sell);
        assert_eq!(TradeSide::from("bid").action(), Action::Buy);
        assert_eq!(TradeSide::from("rfq").action(), Action::Unknown("rfq".into()));
    }
}
