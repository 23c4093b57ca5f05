use std::fmt;

use rust_decimal::Decimal;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::event::sealed::Sealed;
use crate::predicted::{Cursor, Predicted};
use crate::wire::{Key, wire_struct};
use crate::{Currency, Event, EventData, Extra, Message, PrivateStream};

/// The event `ACCOUNT_BALANCE`: the account's balances by currency.
///
/// The first event of a connection is a snapshot, which lists every currency. Later events are updates, which
/// may list only the currencies that changed. The message itself does not state which of the two it is.
pub type AccountBalance = Event<Balances>;

wire_struct! {
    /// The account's balance of one currency.
    pub struct Balance ("a balance") {
        /// The currency's code in uppercase.
        "currency" => currency: Currency,
        /// The total amount.
        "amount" => amount: Decimal,
        /// The part of the amount that can be traded or withdrawn.
        "available" => available: Decimal,
        /// The part of the amount that is staked.
        "stake" => stake: Option<Decimal>,
        /// `true` if the currency can be traded.
        "tradable" => tradable: Option<bool>,
    }
}

impl fmt::Display for Balance {
    /// Formats the currency, the total and the available amount: `BTC: 1.10 (0.85 available)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({} available)", self.currency, self.amount, self.available)
    }
}

impl Balance {
    /// Creates a balance of a tradable currency, with the total amount available and nothing staked.
    pub fn new(currency: impl Into<Currency>, amount: Decimal) -> Self {
        Self {
            currency: currency.into(),
            amount,
            available: amount,
            stake: Some(Decimal::ZERO),
            tradable: Some(true),
            extra: Extra::default(),
        }
    }
}

/// The `data` of an [`AccountBalance`]: balances, in the order in which the exchange sent them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Balances(Vec<Balance>);

impl Balances {
    /// Returns the balance of a currency, if any. Ignores the case of the code, and searches linearly.
    pub fn get(&self, currency: &str) -> Option<&Balance> {
        self.0.iter().find(|balance| balance.currency == currency)
    }

    /// Returns an iterator over the balances, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Balance> {
        self.0.iter()
    }

    /// Returns the number of currencies.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no currencies.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl EventData for Balances {
    const STREAM: PrivateStream = PrivateStream::AccountBalance;
}

impl Sealed for Balances {
    fn into_message(event: AccountBalance) -> Message {
        Message::AccountBalance(Box::new(event))
    }

    fn from_message(message: Message) -> Result<AccountBalance, Message> {
        match message {
            Message::AccountBalance(event) => Ok(*event),
            other => Err(other),
        }
    }
}

impl FromIterator<Balance> for Balances {
    fn from_iter<I: IntoIterator<Item = Balance>>(balances: I) -> Self {
        Self(balances.into_iter().collect())
    }
}

impl Extend<Balance> for Balances {
    fn extend<I: IntoIterator<Item = Balance>>(&mut self, balances: I) {
        self.0.extend(balances);
    }
}

impl IntoIterator for Balances {
    type Item = Balance;
    type IntoIter = std::vec::IntoIter<Balance>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Balances {
    type Item = &'a Balance;
    type IntoIter = std::slice::Iter<'a, Balance>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Serialize for Balances {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|balance| (&balance.currency, balance)))
    }
}

impl<'de> Deserialize<'de> for Balances {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(BalancesVisitor)
    }
}

impl Predicted for Balances {
    fn predict(cursor: &mut Cursor<'_>) -> Option<Self> {
        /// A balance with short numbers takes about as many bytes of a message.
        const BYTES: usize = 100;

        let mut balances: Vec<Balance> = Vec::with_capacity(cursor.remaining() / BYTES);
        cursor.elements(*b"{}", |cursor| {
            let key = cursor.key()?;
            let Some(balance) = cursor.element::<Balance>() else {
                return cursor.fail_in(format_args!(".{key}"));
            };
            let is_in_place = balance.currency == *key;
            balances.push(balance);
            is_in_place.then_some(())
        })?;
        duplicate_currency(&balances).is_none().then_some(Self(balances))
    }
}

struct BalancesVisitor;

impl<'de> Visitor<'de> for BalancesVisitor {
    type Value = Balances;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of balances by currency")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Balances, A::Error> {
        let mut balances: Vec<Balance> = Vec::new();
        while let Some((Key(key), balance)) = map.next_entry::<Key<'_>, Balance>()? {
            if balance.currency != *key {
                let found = &balance.currency;
                return Err(A::Error::custom(format_args!("key `{key}` holds the balance for `{found}`")));
            }
            balances.push(balance);
        }
        match duplicate_currency(&balances) {
            Some(currency) => Err(A::Error::custom(format_args!("duplicate currency `{currency}`"))),
            None => Ok(Balances(balances)),
        }
    }
}

/// Returns a currency that occurs more than once, if any.
fn duplicate_currency(balances: &[Balance]) -> Option<&Currency> {
    let mut currencies: Vec<&Currency> = Vec::new();
    // The exchange sends currencies in alphabetical order, so comparing neighbours is usually enough.
    if balances.is_sorted_by(|a, b| a.currency < b.currency) {
        return None;
    }
    currencies.extend(balances.iter().map(|balance| &balance.currency));
    currencies.sort_unstable();
    currencies.windows(2).find_map(|pair| match pair {
        [a, b] if a == b => Some(*a),
        _ => None,
    })
}
