//! A call that was admitted, and the function that answers each endpoint.

use bitopro_model::{Pair, Timestamp};
use bitopro_rest::Endpoint;
use bitopro_transport::Refusal;

use crate::rest::parameters::Parameters;
use crate::rest::refused::unsupported;
use crate::rest::{Reply, account, market, orders, placing};
use crate::{AccountId, CommandError, Exchange, PairRules, Push, Quirks};

/// A call with what it acts on.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) exchange: &'a mut Exchange,
    /// The account that has signed the call. A public call ignores it.
    pub(crate) account: AccountId,
    pub(crate) now: Timestamp,
    pub(crate) parameters: Parameters,
    pub(crate) body: &'a [u8],
    pub(crate) quirks: Quirks,
    /// The messages that the call causes.
    pub(crate) pushes: &'a mut Vec<Push>,
}

impl Call<'_> {
    pub(crate) fn answer(&mut self, endpoint: Endpoint) -> Reply {
        match endpoint {
            Endpoint::Currencies => Ok(market::currencies(self)),
            Endpoint::TradingPairs => Ok(market::trading_pairs(self)),
            Endpoint::Fees => Ok(market::fees()),
            Endpoint::OrderBook => market::order_book(self),
            Endpoint::Tickers => market::tickers(self),
            Endpoint::Ticker => market::ticker(self),
            Endpoint::Trades => market::trades(self),
            Endpoint::Candles => market::candles(self),
            Endpoint::Balances => Ok(account::balances(self)),
            Endpoint::OwnTrades => account::trades(self),
            Endpoint::Deposits => account::transfers(self, true),
            Endpoint::Withdrawals => account::transfers(self, false),
            Endpoint::PlaceOrder => placing::place(self),
            Endpoint::PlaceBatch => placing::place_batch(self),
            Endpoint::CancelOrder => orders::cancel(self),
            Endpoint::CancelPairOrders => orders::cancel_all(self, true),
            Endpoint::CancelAllOrders => orders::cancel_all(self, false),
            Endpoint::CancelOrders => orders::cancel_many(self),
            Endpoint::Order => orders::order(self),
            Endpoint::OpenOrders => orders::open_orders(self),
            Endpoint::OrderHistory => orders::order_history(self),
            _ => Err(unsupported(endpoint)),
        }
    }

    /// Returns the rules of the pair in the path, whatever its case.
    pub(crate) fn pair(&self) -> Result<&PairRules, Refusal> {
        self.pair_named(self.parameters.argument(0))
    }

    pub(crate) fn pair_named(&self, name: &str) -> Result<&PairRules, Refusal> {
        let pair = Pair::new(name.to_ascii_lowercase());
        self.exchange.pair_rules(&pair).map_err(|_| CommandError::UnsupportedPair(Pair::new(name)).into())
    }
}
