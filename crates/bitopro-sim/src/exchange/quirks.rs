//! Behaviour that the exchange's documentation leaves open, or that changed over the years.
//!
//! The table at the end of this file is the only list of quirks. Their types, names and help texts are
//! generated from it.

use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// The name, help text and possible values of one of the [`Quirks`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Quirk {
    /// The name of the quirk, such as `order-ids`.
    pub name: &'static str,
    /// A description of the quirk, without a full stop.
    pub help: &'static str,
    /// The possible values, starting with the default.
    pub values: &'static [QuirkValue],
    get: fn(&Quirks) -> QuirkValue,
    set: fn(&mut Quirks, &str) -> bool,
}

/// One value of a [`Quirk`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuirkValue {
    /// The name of the value, such as `numbers`.
    pub name: &'static str,
    /// A description of the value, without a full stop.
    pub help: &'static str,
}

impl Quirk {
    /// Returns the value of this quirk in `quirks`.
    pub fn value(&self, quirks: &Quirks) -> QuirkValue {
        (self.get)(quirks)
    }
}

/// The type of one of the [`Quirks`], such as [`OrderIds`].
///
/// This trait is sealed and cannot be implemented outside of this crate.
pub trait QuirkType: Copy + sealed::Sealed {
    #[doc(hidden)]
    fn set_in(self, quirks: &mut Quirks);
}

mod sealed {
    pub trait Sealed {}
}

impl Quirks {
    /// Sets one quirk.
    #[must_use]
    pub fn with(mut self, value: impl QuirkType) -> Self {
        value.set_in(&mut self);
        self
    }

    /// Sets one quirk by its name and the name of its value.
    ///
    /// # Errors
    ///
    /// Returns an [`Error`] of kind [`Options`](ErrorKind::Options) if the name or the value is unknown.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let Some(quirk) = Self::ALL.iter().find(|quirk| quirk.name == name) else {
            let known = listed(Self::ALL.iter().map(|quirk| quirk.name));
            return Err(options_error(format!("unknown quirk `{name}`; expected {known}")));
        };
        if (quirk.set)(self, value) {
            return Ok(());
        }
        let known = listed(quirk.values.iter().map(|value| value.name));
        Err(options_error(format!("unknown value `{value}` of `{name}`; expected {known}")))
    }
}

fn options_error(message: String) -> Error {
    Error::new(ErrorKind::Options, message)
}

fn listed(names: impl Iterator<Item = &'static str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
}

/// Writes all quirks, each as a word such as `order-ids=numbers`.
impl fmt::Display for Quirks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, quirk) in Self::ALL.iter().enumerate() {
            let space = if position == 0 { "" } else { " " };
            write!(f, "{space}{}={}", quirk.name, quirk.value(self).name)?;
        }
        Ok(())
    }
}

/// Parses the output of `Display`. Quirks that are not named have their default value.
impl FromStr for Quirks {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (mut quirks, mut errors) = (Self::default(), Vec::new());
        for word in text.split_whitespace() {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            if let Err(error) = quirks.set(name, value) {
                errors.push(error.to_string());
            }
        }
        if errors.is_empty() { Ok(quirks) } else { Err(options_error(errors.join("; "))) }
    }
}

/// Defines an enum for each quirk, and [`Quirks`] with a field for each. The first value of a quirk is its
/// default.
macro_rules! quirks {
    ($($field:ident $name:literal $quirk:ident: $help:literal {
        $($(#[$default:ident])? $value:ident $value_name:literal: $value_help:literal,)+
    })+) => {
        /// Behaviour that the exchange's documentation leaves open, or that changed over the years.
        ///
        /// The defaults follow the documentation. Where it leaves the behaviour open, they follow what users of the
        /// exchange published, or are assumptions.
        ///
        /// # Examples
        ///
        /// ```
        /// use bitopro_sim::{Quirks, OrderIds};
        ///
        /// let quirks = Quirks::default().with(OrderIds::Numbers);
        /// assert_eq!("order-ids=numbers".parse(), Ok(quirks));
        /// # let restored: Quirks = quirks.to_string().parse()?;
        /// # assert_eq!(restored, quirks);
        /// # Ok::<(), bitopro_sim::Error>(())
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[non_exhaustive]
        pub struct Quirks {
            $(#[doc = concat!($help, ".")] pub $field: $quirk,)+
        }

        impl Quirks {
            /// All quirks, with their names, help texts and values.
            pub const ALL: &[Quirk] = &[$(Quirk {
                name: $name,
                help: $help,
                values: $quirk::VALUES,
                get: |quirks| quirks.$field.value(),
                set: |quirks, value| $quirk::named(value).map(|value| quirks.$field = value).is_some(),
            },)+];
        }

        $(
            #[doc = concat!($help, ".")]
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
            #[non_exhaustive]
            pub enum $quirk {
                $($(#[$default])? #[doc = concat!($value_help, ".")] $value,)+
            }

            impl $quirk {
                const VALUES: &[QuirkValue] = &[$(Self::$value.value(),)+];

                const fn value(self) -> QuirkValue {
                    match self {
                        $(Self::$value => QuirkValue { name: $value_name, help: $value_help },)+
                    }
                }

                fn named(name: &str) -> Option<Self> {
                    [$(Self::$value),+].into_iter().find(|value| value.value().name == name)
                }
            }

            impl sealed::Sealed for $quirk {}

            impl QuirkType for $quirk {
                fn set_in(self, quirks: &mut Quirks) {
                    quirks.$field = self;
                }
            }
        )+
    };
}

quirks! {
    balance_updates "balance-updates" BalanceUpdates: "Balances that an update lists" {
        #[default] Changed "changed": "Only the currencies that changed, as documented",
        All "all": "All currencies, as in an older FAQ of the exchange",
    }
    active_updates "active-updates" ActiveUpdates: "Orders that an update of the open orders lists" {
        #[default] Changed "changed": "Only the order that changed, as documented since v3.5.13 (January 2024)",
        WholePair "whole-pair": "All open orders of its pair, as documented before that version",
    }
    final_orders "final-orders" FinalOrders: "Report of a closed order in the stream of open orders" {
        #[default] Shown "shown": "Shows the order once more, with its final status; not documented",
        Vanish "vanish": "Does not show the order again; a list of its pair is sent without it; not documented",
    }
    history_on_connect "history-on-connect" HistoryOnConnect: "First message of the order history" {
        #[default] Recent "recent": "The recently closed orders, as documented",
        Empty "empty": "Always empty",
    }
    trades_on_connect "trades-on-connect" TradesOnConnect: "First message of the trades" {
        #[default] Nothing "nothing": "None, as documented: trades made while disconnected are never sent",
        Last "last": "The last trade again, if any, with a new `eventID` and `timestamp`",
    }
    order_ids "order-ids" OrderIds: "JSON type of order ids" {
        #[default] Texts "texts": "Strings, as documented",
        Numbers "numbers": "Numbers if they consist of digits only, as in older documentation and in samples of trades",
    }
    datetimes "datetimes" Datetimes: "Time zone of `datetime`, which always ends in `Z`" {
        #[default] Utc "utc": "UTC, as documented",
        TaiwanMarkedUtc "taiwan-marked-utc": "Taiwan time, eight hours ahead of UTC, although it ends in `Z`; this was measured",
    }
    event_ids "event-ids" EventIds: "Presence of `eventID` in messages" {
        #[default] Present "present": "A random UUID, as sent since November 2024",
        Absent "absent": "No `eventID`, as before November 2024",
    }
    order_id_sequence "order-id-sequence" OrderIdSequence: "Sequence of the ids of orders and trades" {
        #[default] Scrambled "scrambled": "Scrambled, so that a later id may be smaller, as in samples of the documentation",
        Counted "counted": "Consecutive; not observed",
    }
    order_times "order-times" OrderTimes: "Precision of the times of orders" {
        #[default] Seconds "seconds": "Multiples of 1000 ms, as in messages that users of the exchange published",
        Milliseconds "milliseconds": "Milliseconds, as in samples of the documentation",
    }
    match_ids "match-ids" MatchIds: "`matchID` of trades" {
        #[default] Empty "empty": "Empty, as in messages that users of the exchange published",
        Uuid "uuid": "A random UUID, as in a sample of the documentation",
        Counted "counted": "A consecutive number; not observed",
    }
    nonces "nonces" Nonces: "Nonces that are accepted if they are near the exchange's clock" {
        #[default] Any "any": "Any, so that the exchange's Python SDK can open its streams in the same millisecond",
        Unused "unused": "Those that no accepted dial or call has used",
        Increasing "increasing": "Those above all accepted ones, as the exchange's skills hub requires",
    }
    open_order_times "open-order-times" OpenOrderTimes: "Unit of the times of open orders in REST" {
        #[default] Seconds "seconds": "Seconds, as in replies that users of the exchange published",
        Milliseconds "milliseconds": "Milliseconds, as in a sample of the documentation",
    }
    placed_order_ids "placed-order-ids" PlacedOrderIds: "JSON type of the id in the reply to a placed order" {
        #[default] Numbers "numbers": "A number, as documented",
        Texts "texts": "A string, as the exchange's Go SDK expects",
    }
    trade_list_order "trade-list-order" TradeListOrder: "Order of the account's trades in REST" {
        #[default] NewestFirst "newest-first": "Newest first, as in a draft of the documentation of 2024",
        OldestFirst "oldest-first": "Oldest first within each page, as in a sample of 2021",
    }
    done_orders "done-orders" DoneOrders: "Closed orders that REST lists for `statusKind=DONE`" {
        #[default] Executed "executed": "Only executed ones, with status 2 or 3, as documented",
        All "all": "All closed orders, including cancelled ones",
    }
    rest_lag "rest-lag" RestLag: "Delay of the account's state in REST behind the streams" {
        #[default] Nothing "nothing": "None",
        TwoSeconds "two-seconds": "Two seconds; not observed",
    }
    cursors "cursors" Cursors: "Effect of a cursor on a list in REST" {
        #[default] Inclusive "inclusive": "The list starts with the record that the cursor names, as documented",
        Ignored "ignored": "None, so that every page is the first one; not observed",
    }
    rate_limits "rate-limits" RateLimits: "Limits on the rate of calls of REST" {
        #[default] Enforced "enforced": "Enforced as documented, with status 429",
        Ignored "ignored": "Ignored, so that tests can make any number of calls",
    }
    ticker_range "ticker-range" TickerRange: "Highest and lowest price in tickers on the stream" {
        #[default] LastPrice "last-price": "Both are the last price, as in all measured messages",
        Real "real": "Those of the last 24 hours, as documented and as in a message of 2022",
    }
    ticker_pairs "ticker-pairs" TickerPairs: "Presence of `pair` in tickers on the stream" {
        #[default] Present "present": "Present, as documented",
        Absent "absent": "No `pair`, as in some messages that users of the exchange received in 2026",
    }
    book_repeats "book-repeats" BookRepeats: "Messages about an order book that has not changed" {
        #[default] Never "never": "None, as documented",
        Sometimes "sometimes": "One message in six repeats the one before with a new `eventID`, about as often as measured",
    }
}

#[cfg(test)]
mod tests {
    use super::{BalanceUpdates, Datetimes, OrderIds, Quirks};

    #[test]
    fn setting_a_value_by_name_changes_only_its_quirk() {
        for quirk in Quirks::ALL {
            let default = quirk.values[0];
            assert_eq!(quirk.value(&Quirks::default()), default, "{}", quirk.name);
            for &value in quirk.values {
                let mut quirks = Quirks::default();
                quirks.set(quirk.name, value.name).unwrap();
                assert_eq!(quirk.value(&quirks), value);
                let others = Quirks::ALL.iter().filter(|other| other.name != quirk.name);
                assert!(others.clone().all(|other| other.value(&quirks) == other.value(&Quirks::default())));
                assert_eq!(
                    (quirks == Quirks::default(), quirks.to_string().parse()),
                    (value == default, Ok(quirks))
                );
            }
        }
    }

    #[test]
    fn display_writes_all_quirks_and_from_str_accepts_a_subset() {
        let quirks = Quirks::default().with(BalanceUpdates::All).with(Datetimes::TaiwanMarkedUtc);
        let text = "balance-updates=all active-updates=changed final-orders=shown history-on-connect=recent \
            trades-on-connect=nothing order-ids=texts datetimes=taiwan-marked-utc event-ids=present \
            order-id-sequence=scrambled order-times=seconds match-ids=empty nonces=any open-order-times=seconds \
            placed-order-ids=numbers trade-list-order=newest-first done-orders=executed rest-lag=nothing \
            cursors=inclusive rate-limits=enforced ticker-range=last-price ticker-pairs=present book-repeats=never";
        assert_eq!(quirks.to_string(), text);
        assert_eq!(" order-ids=numbers\n".parse(), Ok(Quirks::default().with(OrderIds::Numbers)));
    }

    #[test]
    fn unknown_names_and_values_are_all_reported() {
        let error = "order-ids=roman datetimes weather=fine".parse::<Quirks>().unwrap_err().to_string();
        let expected = "unknown value `roman` of `order-ids`; expected `texts` or `numbers`; \
            unknown value `` of `datetimes`; expected `utc` or `taiwan-marked-utc`; \
            unknown quirk `weather`; expected `balance-updates` or ";
        assert!(error.starts_with(expected), "{error}");
    }
}
