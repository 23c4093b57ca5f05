//! The points that the exchange's documentation leaves open, or that changed over the years.
//!
//! The table at the end of this file is the only list: the types, their names and their help come from it.

use std::fmt;
use std::str::FromStr;

use crate::{Error, ErrorKind};

/// One of the [`Quirks`]: its name, its help text and its values.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Quirk {
    /// The name, such as `order-ids`.
    pub name: &'static str,
    /// A sentence about it, without a full stop.
    pub help: &'static str,
    /// Its values, the default first.
    pub values: &'static [QuirkValue],
    get: fn(&Quirks) -> QuirkValue,
    set: fn(&mut Quirks, &str) -> bool,
}

/// One value of a [`Quirk`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct QuirkValue {
    /// The name, such as `numbers`.
    pub name: &'static str,
    /// A sentence about it, without a full stop.
    pub help: &'static str,
}

impl Quirk {
    /// Returns the value that it has in these quirks.
    pub fn value(&self, quirks: &Quirks) -> QuirkValue {
        (self.get)(quirks)
    }
}

/// An enum that is one of the [`Quirks`], such as [`OrderIds`].
pub trait QuirkType: Copy + sealed::Sealed {
    #[doc(hidden)]
    fn set_in(self, quirks: &mut Quirks);
}

mod sealed {
    pub trait Sealed {}
}

impl Quirks {
    /// Sets one of them.
    #[must_use]
    pub fn with(mut self, value: impl QuirkType) -> Self {
        value.set_in(&mut self);
        self
    }

    /// Sets one of them by its name and the name of its value.
    ///
    /// # Errors
    /// An [`Error`] of kind [`Options`](ErrorKind::Options) if there is no such name or value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let Some(quirk) = Self::ALL.iter().find(|quirk| quirk.name == name) else {
            let known = listed(Self::ALL.iter().map(|quirk| quirk.name));
            return Err(unknown(format!("unknown quirk `{name}`; expected {known}")));
        };
        if (quirk.set)(self, value) {
            return Ok(());
        }
        let known = listed(quirk.values.iter().map(|value| value.name));
        Err(unknown(format!("unknown value `{value}` of `{name}`; expected {known}")))
    }
}

fn unknown(fault: String) -> Error {
    Error::new(ErrorKind::Options, fault)
}

fn listed(names: impl Iterator<Item = &'static str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ")
}

/// Writes every quirk, as in `balance-updates=changed order-ids=numbers`.
impl fmt::Display for Quirks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, quirk) in Self::ALL.iter().enumerate() {
            let space = if position == 0 { "" } else { " " };
            write!(f, "{space}{}={}", quirk.name, quirk.value(self).name)?;
        }
        Ok(())
    }
}

/// Reads what `Display` writes. Quirks that are not named have their default.
impl FromStr for Quirks {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (mut quirks, mut faults) = (Self::default(), Vec::new());
        for word in text.split_whitespace() {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            if let Err(fault) = quirks.set(name, value) {
                faults.push(fault.to_string());
            }
        }
        if faults.is_empty() { Ok(quirks) } else { Err(unknown(faults.join("; "))) }
    }
}

/// Makes an enum of each quirk, and [`Quirks`] of all of them. The first value of each is the default.
macro_rules! quirks {
    ($($field:ident $name:literal $quirk:ident: $help:literal {
        $($(#[$default:ident])? $value:ident $value_name:literal: $value_help:literal,)+
    })+) => {
        /// The points that the exchange's documentation leaves open, or that changed over the years.
        ///
        /// The default is as documented, or an assumption where nothing is.
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
            /// Every quirk, with its name, its help text and its values.
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
    balance_updates "balance-updates" BalanceUpdates: "Balances that an update holds" {
        #[default] Changed "changed": "The currencies that changed, as documented",
        All "all": "Every currency, as in an older FAQ of the exchange",
    }
    active_updates "active-updates" ActiveUpdates: "Orders that an update of the open orders holds" {
        #[default] Changed "changed": "The order that changed, as documented since v3.5.13 (January 2024)",
        WholePair "whole-pair": "All open orders of its pair, as documented before",
    }
    final_orders "final-orders" FinalOrders: "The last update of the open orders about an order that closes" {
        #[default] Shown "shown": "The order with its final status; not documented",
        Vanish "vanish": "The order is not sent again, and its pair's list no longer has it; not documented",
    }
    history_on_connect "history-on-connect" HistoryOnConnect: "The first event of the order history" {
        #[default] Recent "recent": "The recently closed orders, as documented",
        Empty "empty": "No orders, even if some have closed before",
    }
    trades_on_connect "trades-on-connect" TradesOnConnect: "The first event of the trades" {
        #[default] Nothing "nothing": "None, as documented: what is traded without a connection is never sent",
        Last "last": "The last trade again, if any, with a new event id and timestamp",
    }
    order_ids "order-ids" OrderIds: "The form of order ids" {
        #[default] Texts "texts": "Texts, as documented",
        Numbers "numbers": "Numbers if they are digits only, as in older documentation and in samples of trades",
    }
    datetimes "datetimes" Datetimes: "The time zone of `datetime`, which always ends in a `Z`" {
        #[default] Utc "utc": "UTC, as documented",
        TaiwanMarkedUtc "taiwan-marked-utc": "Taiwan's, eight hours ahead of what the `Z` says, as measured",
    }
    event_ids "event-ids" EventIds: "The presence of `eventID` in events" {
        #[default] Present "present": "A random UUID, as since November 2024",
        Absent "absent": "None, as before",
    }
}

#[cfg(test)]
mod tests {
    use super::{BalanceUpdates, Datetimes, OrderIds, Quirks};

    #[test]
    fn every_value_is_set_by_its_name_and_nothing_else_changes() {
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
    fn the_text_names_every_quirk() {
        let quirks = Quirks::default().with(BalanceUpdates::All).with(Datetimes::TaiwanMarkedUtc);
        let text = "balance-updates=all active-updates=changed final-orders=shown history-on-connect=recent \
            trades-on-connect=nothing order-ids=texts datetimes=taiwan-marked-utc event-ids=present";
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
