use bitopro_auth::Credentials;
use bitopro_model::{AccountBalance, Balances, PrivateStream, Timestamp};
use bitopro_transport::Refusal;
use fastrand::Rng;

use crate::books::{self, Books};
use crate::gate::Gate;
use crate::market::Market;
use crate::refusal;
use crate::{Datetimes, UpgradeRequest};

/// The exchange itself, without sockets, tasks or a clock: the time is an argument, and the same seed and
/// times give the same events, byte for byte.
///
/// Made by [`SimulatorBuilder::build_exchange`](crate::SimulatorBuilder::build_exchange).
#[derive(Debug)]
pub struct Exchange {
    gate: Gate,
    books: Books,
    market: Market,
    envelopes: Envelopes,
    balance_updates: BalanceUpdates,
}

/// Which balances an update holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum BalanceUpdates {
    /// Those that changed, as the exchange documents it.
    #[default]
    Changed,
    /// All of them each time, as an older FAQ of the exchange has it.
    All,
}

/// What an exchange is made of.
pub(crate) struct ExchangeOptions {
    pub(crate) seed: u64,
    pub(crate) credentials: Credentials,
    pub(crate) books: Books,
    pub(crate) balance_updates: BalanceUpdates,
    pub(crate) datetimes: Datetimes,
    pub(crate) event_ids: bool,
}

impl Exchange {
    pub(crate) fn new(options: ExchangeOptions) -> Self {
        let mut rng = Rng::with_seed(options.seed);
        // A generator of its own, so that who connects, and when, does not change the day.
        let market = Market::new(rng.fork());
        let ids = options.event_ids.then_some(rng);
        Self {
            gate: Gate::new(options.credentials),
            books: options.books,
            market,
            envelopes: Envelopes { ids, datetimes: options.datetimes },
            balance_updates: options.balance_updates,
        }
    }

    /// Decides about a request for a stream at this time, as the real exchange would. A nonce that was
    /// let in once is never let in again.
    ///
    /// # Errors
    /// The [`Refusal`] to answer with. Its `Date` tells this exchange's time.
    pub fn authorize(
        &mut self,
        request: &UpgradeRequest<'_>,
        now: Timestamp,
    ) -> Result<PrivateStream, Refusal> {
        self.gate.admit(request, now).map_err(|refusal| refusal::dated(refusal, now))
    }

    /// What the account holds.
    pub fn balances(&self) -> &Books {
        &self.books
    }

    /// The event that a connection begins with: all balances.
    pub fn snapshot(&mut self, now: Timestamp) -> AccountBalance {
        self.envelopes.event(now, books::all(&self.books))
    }

    /// Changes the balances by hand, and gives the event that tells of it, or `None` if nothing changed.
    ///
    /// A currency that is taken away is in no update; it is missing from the next snapshot.
    pub fn update_balances(
        &mut self,
        now: Timestamp,
        change: impl FnOnce(&mut Books),
    ) -> Option<AccountBalance> {
        let mut books = self.books.clone();
        change(&mut books);
        // A balance may have been put under a key other than its own currency.
        self.replace(now, books::of(books.into_values()))
    }

    /// One step of the market: a price moves and the account trades at it. Gives the event that tells of
    /// it, or `None` if the account holds too little to trade.
    pub fn tick(&mut self, now: Timestamp) -> Option<AccountBalance> {
        let mut books = self.books.clone();
        self.market.step(&mut books)?;
        self.replace(now, books)
    }

    fn replace(&mut self, now: Timestamp, books: Books) -> Option<AccountBalance> {
        let changed = books::changed(&self.books, &books);
        self.books = books;
        if changed.is_empty() {
            return None;
        }
        let told = match self.balance_updates {
            BalanceUpdates::Changed => changed,
            BalanceUpdates::All => books::all(&self.books),
        };
        Some(self.envelopes.event(now, told))
    }
}

/// What all events share around their data.
#[derive(Debug)]
struct Envelopes {
    ids: Option<Rng>,
    datetimes: Datetimes,
}

impl Envelopes {
    fn event(&mut self, now: Timestamp, balances: Balances) -> AccountBalance {
        let mut event = AccountBalance::new(now, balances);
        event.event_id = self.ids.as_mut().map(random_uuid);
        event.datetime = self.datetimes.format(now);
        event
    }
}

/// A random UUID: RFC 9562, version 4.
fn random_uuid(rng: &mut Rng) -> String {
    let random = rng.u128(..);
    let versioned = random & !(0xF << 76) | 0x4 << 76;
    let uuid = versioned & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{uuid:032x}");
    let mut text = String::with_capacity(36);
    for (position, digit) in hex.chars().enumerate() {
        if matches!(position, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
