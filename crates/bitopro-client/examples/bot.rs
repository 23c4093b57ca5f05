//! A bot that sells, and buys back at a lower price once its order is closed.
//!
//! `cargo run -p bitopro-client --example bot` runs it on a simulated exchange, in memory and in virtual time, without an
//! account. The exchange loses the response to the first order, and fills the order while all connections are
//! interrupted. For the real exchange, build the client with `Client::from_env`.
#![allow(clippy::print_stdout, reason = "a program prints")]

use std::time::SystemTime;

use bitopro_client::model::{Decimal, Order, OrderId, Timestamp};
use bitopro_client::rest::{GetOrder, PlaceOrder};
use bitopro_client::{Account, Change, Changes, Client, Item, Outcome, Resolution, Subscription, WallClock};
use bitopro_sim::{Clock, Command, Quirks, Simulator};

const PAIR: &str = "btc_twd";

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<()> {
    simulate(Quirks::default(), |line| println!("{line}")).await
}

struct Bot<R> {
    client: Client,
    account: Subscription<Account>,
    changes: Changes,
    report: R,
}

impl<R: FnMut(String)> Bot<R> {
    /// Places an order at most once, and returns its id.
    async fn place(&mut self, order: &PlaceOrder) -> Result<OrderId> {
        let id = match self.client.place(order).await? {
            Outcome::Accepted(accepted) => accepted.id().clone(),
            Outcome::Unknown(mut unknown) => {
                (self.report)(format!("outcome unknown: {}", unknown.error()));
                match unknown.resolve_with(&self.account).await {
                    Resolution::Placed(order) => order.id,
                    Resolution::NotPlaced => return Err("the order was not placed".into()),
                    Resolution::Unknown(reason) => return Err(reason.to_string().into()),
                }
            }
        };
        (self.report)(format!("placed order {id}"));
        Ok(id)
    }

    /// Follows the account until an order is closed, across any number of reconnects, and returns the order.
    async fn closed(&mut self, id: &OrderId) -> Result<Order> {
        let mut had_gap = false;
        loop {
            let item = self.account.next().await.ok_or("all streams have ended")?;
            had_gap |= matches!(item.item, Item::Gap(_));
            if let Item::Disconnected(_) | Item::Gap(_) = item.item {
                (self.report)(item.to_string());
            }
            // A gap hides trades, but not the amount executed: the changes after it include that.
            for change in self.changes.apply(&item) {
                (self.report)(change.to_string());
                match change {
                    Change::OrderFilled(closed)
                    | Change::OrderClosedPartiallyFilled(closed)
                    | Change::OrderCancelled(closed)
                    | Change::OrderRejectedPostOnly(closed)
                        if closed.order.id == *id =>
                    {
                        return Ok(closed.order);
                    }
                    _ => {}
                }
            }
            // An order that was closed in a gap may be in neither list after it.
            if had_gap && self.is_unlisted(id) {
                let order = self.client.rest()?.call(&GetOrder::new(PAIR, id.clone())).await?;
                if order.is_final() {
                    return Ok(order);
                }
            }
        }
    }

    /// Returns whether the fresh state contains the order neither as open nor as closed.
    fn is_unlisted(&self, id: &OrderId) -> bool {
        let now = self.account.current();
        let open = now.open_orders.as_ref().and_then(|orders| orders.state().get(id.as_str()));
        let closed = now.closed_orders.as_ref().and_then(|orders| orders.state().get(id.as_str()));
        now.is_fresh() && open.or(closed).is_none()
    }

    /// Waits until the order is closed, and buys back what it has sold.
    async fn buy_back(&mut self, sold: &OrderId, price: Decimal) -> Result<()> {
        let amount = self.closed(sold).await?.executed_amount;
        (self.report)(format!("order {sold} is closed: sold {amount}"));
        if !amount.is_zero() {
            self.place(&PlaceOrder::limit_buy(PAIR, amount, price).with_client_id(2_u32)).await?;
        }
        Ok(())
    }
}

/// Runs the bot on a simulated exchange that loses a response and all connections.
async fn simulate(quirks: Quirks, report: impl FnMut(String)) -> Result<()> {
    let clock = Clock::following_tokio(Timestamp::from_millis(1_767_225_600_000));
    let simulator = Simulator::builder().with_quirks(quirks).with_clock(clock.clone()).start_in_memory()?;
    let client = Client::builder(simulator.credentials().to_credentials()?)
        .with_endpoint(simulator.ws_url())
        .with_connector(simulator.connector())
        .with_rest_endpoint(simulator.rest_url())
        .with_http_client(simulator.connector())
        .with_wall_clock(WallClock::new(move || {
            clock.now().to_system_time().unwrap_or(SystemTime::UNIX_EPOCH)
        }))
        .with_seed(1)
        .build()?;
    let (account, changes) = (client.account(), client.changes());
    account.ready().await?;
    client.trading_pairs().await?; // so that the next call places the order
    let mut bot = Bot { client, account, changes, report };
    let execute = |command: &str| -> Result<_> { Ok(simulator.execute(&command.parse::<Command>()?)?) };

    execute("fail-rest 1 lose")?;
    let sell = PlaceOrder::limit_sell(PAIR, Decimal::new(1, 2), 3_500_000.into()).with_client_id(1_u32);
    let id = bot.place(&sell).await?;
    execute("disconnect")?;
    execute(&format!("fill {id}"))?;
    bot.buy_back(&id, 2_600_000.into()).await?;
    assert_eq!(simulator.open_orders().iter().filter(|open| open.client_id == Some(2.into())).count(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_bot_reacts_to_a_fill_that_happened_while_it_was_disconnected() -> Result<()> {
    use bitopro_sim::HistoryOnConnect;
    for (history, closed) in [
        (HistoryOnConnect::Recent, "filled: 0.01 of 0.01 executed, across a gap"),
        (HistoryOnConnect::Empty, ": gap"),
    ] {
        let mut lines = Vec::new();
        let simulated = simulate(Quirks::default().with(history), |line| lines.push(line));
        tokio::time::timeout(std::time::Duration::from_secs(60), simulated).await??;
        let mut log = lines.iter();
        for expected in
            ["outcome unknown", "placed", ": disconnected", ": gap", closed, "sold 0.01", "placed"]
        {
            assert!(log.any(|line| line.contains(expected)), "{expected}: {lines:#?}");
        }
    }
    Ok(())
}
