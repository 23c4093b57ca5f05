//! The state of a simulator as JSON.

use bitopro_model::{Order, Pair, Trade};
use http::StatusCode;
use serde::Serialize;

use crate::control::problem::Problem;
use crate::{BookLevel, Holdings, Simulator};

#[derive(Debug, Serialize)]
pub(super) struct Accounts {
    accounts: Vec<AccountSummary>,
}

#[derive(Debug, Serialize)]
struct AccountSummary {
    name: String,
    api_key: String,
    email: String,
}

/// Returns the name, the API key and the email of each account.
pub(super) fn accounts(simulator: &Simulator) -> Accounts {
    let accounts = simulator.accounts().into_iter().map(|account| {
        let credentials = account.credentials();
        AccountSummary {
            name: account.read(|account| account.name().to_owned()),
            api_key: credentials.api_key.clone(),
            email: credentials.email.clone(),
        }
    });
    Accounts { accounts: accounts.collect() }
}

#[derive(Debug, Serialize)]
pub(super) struct AccountState {
    name: String,
    balances: Holdings,
    open_orders: Vec<Order>,
    closed_orders: Vec<Order>,
    trades: Vec<Trade>,
}

pub(super) fn account(simulator: &Simulator, name: &str) -> Result<AccountState, Problem> {
    let account = simulator.account(name).map_err(|error| not_found(&error))?;
    Ok(account.read(|account| AccountState {
        name: account.name().to_owned(),
        balances: account.balances().clone(),
        open_orders: account.open_orders().cloned().collect(),
        closed_orders: account.closed_orders().cloned().collect(),
        trades: account.trades().cloned().collect(),
    }))
}

#[derive(Debug, Serialize)]
pub(super) struct OrderBookState {
    pair: Pair,
    market_price: Option<String>,
    bids: Vec<Level>,
    asks: Vec<Level>,
}

#[derive(Debug, Serialize)]
struct Level {
    price: String,
    amount: String,
    count: usize,
    total: String,
}

impl From<BookLevel> for Level {
    fn from(level: BookLevel) -> Self {
        let BookLevel { price, amount, count, total } = level;
        Self { price: price.to_string(), amount: amount.to_string(), count, total: total.to_string() }
    }
}

/// Returns the market's price of a pair and all levels of its order book.
pub(super) fn order_book(simulator: &Simulator, pair: &str) -> Result<OrderBookState, Problem> {
    let pair = Pair::from(pair);
    simulator.dispatcher.read(|exchange| {
        let order_book = exchange.order_book(&pair, usize::MAX, 0).map_err(|error| not_found(&error))?;
        let levels = |levels: Vec<BookLevel>| levels.into_iter().map(Level::from).collect();
        Ok(OrderBookState {
            market_price: exchange.market_price(&pair).map(|price| price.to_string()),
            bids: levels(order_book.bids),
            asks: levels(order_book.asks),
            pair: pair.clone(),
        })
    })
}

#[derive(Debug, Serialize)]
pub(super) struct Connections {
    open: usize,
    dials: Vec<Dial>,
}

#[derive(Debug, Serialize)]
struct Dial {
    path: String,
    status: u16,
    nonce: Option<u64>,
}

/// Returns the number of open connections, and the dials that reached the simulator.
pub(super) fn connections(simulator: &Simulator) -> Connections {
    let dials = simulator.upgrade_attempts().into_iter().map(|dial| Dial {
        path: dial.path,
        status: dial.status.as_u16(),
        nonce: dial.nonce,
    });
    Connections { open: simulator.connections(), dials: dials.collect() }
}

fn not_found(error: &crate::CommandError) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, error.to_string())
}
