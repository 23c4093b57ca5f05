//! The client asks the REST API for what a gap has lost.

mod failures;
mod orders;
mod trades;

use std::time::Duration;

use bitopro_client::model::{Action, Decimal, OrderId, PrivateStream};
use bitopro_client::{Account, AccountItem, Backfilled, ClientBuilder, Item, RecoveredTrade, Subscription};
use bitopro_sim::{Command, NewOrder, Simulator, SimulatorBuilder};
use tokio::time::{sleep, timeout};

use crate::simulated::simulated;

const SECOND: Duration = Duration::from_secs(1);

/// An account that follows a simulator, and what a gap has brought.
struct Trader {
    simulator: Simulator,
    account: Subscription<Account>,
}

/// The items of a backfill.
#[derive(Debug, Default)]
struct Recovery {
    trades: Vec<RecoveredTrade>,
    orders: Vec<OrderId>,
    statements: Vec<Backfilled>,
    /// Number of trades that the stream has sent.
    updates: usize,
}

impl Trader {
    async fn new(builder: SimulatorBuilder) -> Self {
        Self::with(builder, |client| client).await
    }

    async fn with(builder: SimulatorBuilder, settings: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        let (simulator, client) = simulated(builder, 1);
        let mut account = settings(client).build().unwrap().account();
        account.ready().await.unwrap();
        read(&mut account, SECOND).await;
        Self { simulator, account }
    }

    fn execute(&self, command: &str) {
        self.simulator.execute(&command.parse::<Command>().unwrap()).unwrap();
    }

    fn disconnect(&self, stream: Option<PrivateStream>) {
        self.simulator.execute(&Command::Disconnect(stream.map(Into::into))).unwrap();
    }

    /// Places an order to buy some hundredths of a bitcoin.
    fn buy(&self, hundredths: i64) -> OrderId {
        self.buy_of("btc_twd", hundredths)
    }

    fn buy_of(&self, pair: &str, hundredths: i64) -> OrderId {
        let price = self.simulator.market_price(pair).unwrap() / Decimal::TWO;
        let order = NewOrder::limit(pair, Action::Buy, Decimal::new(hundredths, 2), price.round_dp(0));
        self.simulator.place(&order).unwrap()
    }

    fn fill(&self, order: &OrderId, hundredths: i64) {
        self.simulator.fill(order, Decimal::new(hundredths, 2)).unwrap();
    }

    /// Reads all items of this time.
    async fn read(&mut self, time: Duration) -> Recovery {
        let mut recovery = Recovery::default();
        for item in read(&mut self.account, time).await {
            match item.item {
                Item::RecoveredTrade(trade) => recovery.trades.push(*trade),
                Item::RecoveredOrder(order) => recovery.orders.push(order.id),
                Item::Backfilled(statement) => recovery.statements.push(*statement),
                Item::Update(_) if item.stream == PrivateStream::UserTrades => recovery.updates += 1,
                _ => {}
            }
        }
        recovery
    }
}

impl Recovery {
    /// Returns the amounts of the recovered trades in hundredths.
    fn hundredths(&self) -> Vec<Decimal> {
        self.trades.iter().map(|recovered| recovered.trade.volume * Decimal::ONE_HUNDRED).collect()
    }

    /// Returns the only statement.
    fn statement(&self) -> &Backfilled {
        let [statement] = &self.statements[..] else { panic!("{:#?}", self.statements) };
        statement
    }
}

async fn read(account: &mut Subscription<Account>, time: Duration) -> Vec<AccountItem> {
    let mut items = Vec::new();
    let reading = async {
        while let Some(item) = account.next().await {
            items.push(item);
        }
    };
    let _ = timeout(time, reading).await;
    items
}

fn amounts<const N: usize>(hundredths: [i64; N]) -> [Decimal; N] {
    hundredths.map(Decimal::from)
}

/// A time in which a backfill ends.
const MINUTE: Duration = Duration::from_secs(60);

async fn pause(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}
