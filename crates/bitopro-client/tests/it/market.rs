//! Public streams of a trading simulator. Whatever happens to the connection, the books, tickers and trades agree with
//! the REST API afterwards, and each trade was delivered once.
#![allow(clippy::print_stdout, reason = "a failing round shows its seed")]

use std::collections::BTreeMap;
use std::time::Duration;

use bitopro_client::model::{
    BookLevel, Decimal, MarketTrade, Message, OrderBook, Pair, PublicStream, UnixSeconds,
};
use bitopro_client::rest::{GetOrderBook, GetTicker, GetTrades};
use bitopro_client::transport::Refusal;
use bitopro_client::{BookPair, GapReason, Item, Market, MarketItem, Rest, Subscription};
use bitopro_sim::{Command, Simulator};
use http::StatusCode;
use tokio::time::{sleep, timeout};

use crate::simulated::{rounds, simulated};

const PAIRS: [&str; 3] = ["BTC_TWD", "ETH_TWD", "USDT_TWD"];
const DEPTH: u32 = 20;

/// The events of public streams, as a subscriber has received them.
#[derive(Default)]
struct Received {
    books: BTreeMap<Pair, OrderBook>,
    /// The trades since the last gap, oldest first.
    trades: BTreeMap<Pair, Vec<MarketTrade>>,
    gaps: usize,
}

impl Received {
    fn apply(&mut self, MarketItem { item, .. }: MarketItem) {
        match item {
            Item::Snapshot(Message::OrderBook(book)) | Item::Update(Message::OrderBook(book)) => {
                drop(self.books.insert(book.pair.clone(), *book));
            }
            Item::Snapshot(Message::MarketTrades(mut event)) => {
                event.data.reverse();
                self.trades.insert(event.pair.clone(), event.data);
            }
            Item::Update(Message::MarketTrades(event)) => {
                self.trades.entry(event.pair).or_default().extend(event.data.into_iter().rev());
            }
            Item::Gap(gap) => {
                self.gaps += usize::from(matches!(gap.reason, GapReason::NoOverlap { .. }));
            }
            Item::Malformed(malformed) => panic!("{malformed:?}"),
            Item::Closed(closed) => panic!("{closed}"),
            _ => {}
        }
    }

    async fn read(&mut self, market: &mut Subscription<Market>, quiet: Duration) {
        while let Ok(Some(item)) = timeout(quiet, market.next()).await {
            self.apply(item);
        }
    }
}

/// Returns the prices and the amounts of levels, rounded as a stream may round them.
fn rounded(levels: &[BookLevel], scale: u32) -> Vec<(Decimal, Decimal)> {
    levels.iter().map(|level| (level.price, round(level.amount, scale))).collect()
}

/// Rounds a positive number to nearest, and up if it is halfway, as the simulator does.
fn round(number: Decimal, scale: u32) -> Decimal {
    (number + Decimal::new(5, scale + 1)).trunc_with_scale(scale)
}

fn terms(trade: &MarketTrade, scale: u32) -> (UnixSeconds, Decimal, Decimal, Option<bool>) {
    (trade.timestamp, trade.price.normalize(), round(trade.amount, scale).normalize(), trade.is_buyer)
}

async fn assert_agrees(market: &Subscription<Market>, received: &Received, rest: &Rest) {
    let current = market.current();
    assert!(current.is_fresh(), "{current:?}");
    for pair in PAIRS.map(Pair::new) {
        let scale = if pair == "USDT_TWD" { 0 } else { 4 };
        let book = current.order_books.get(pair.clone()).unwrap().state();
        assert_eq!(received.books.get(&pair), Some(book), "the items and the state");
        let listed = rest.call(&GetOrderBook::new(pair.clone()).with_depth(DEPTH)).await.unwrap();
        assert_eq!(rounded(&book.bids, scale), rounded(&listed.bids, scale), "bids of {pair}");
        assert_eq!(rounded(&book.asks, scale), rounded(&listed.asks, scale), "asks of {pair}");
        assert!(book.spread().unwrap() > Decimal::ZERO, "a crossed book of {pair}");

        let listed = rest.call(&GetTicker::new(pair.clone())).await.unwrap();
        let ticker = current.tickers.get(pair.clone()).unwrap().state();
        assert_eq!((ticker.last_price, ticker.is_buyer), (listed.last_price, listed.is_buyer), "{pair}");

        let delivered = received.trades.get(&pair).unwrap().iter().rev();
        let trades: Vec<_> = delivered.map(|trade| terms(trade, scale)).collect();
        let listed = rest.call(&GetTrades::new(pair.clone())).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|trade| terms(trade, scale)).collect();
        let compared = trades.len().min(listed.len());
        assert_eq!(trades.get(..compared), listed.get(..compared), "each trade of {pair} once");
    }
}

fn disturb(simulator: &Simulator, random: &mut fastrand::Rng) {
    let execute = |command: Command| drop(simulator.execute(&command).unwrap());
    match random.u8(0..40) {
        0 => execute(Command::Disconnect(None)),
        1 => execute(Command::close(None, 1001, "restart")),
        2 => simulator.refuse_next(random.usize(1..4), Refusal::new(StatusCode::SERVICE_UNAVAILABLE)),
        // Some of these trades are in no list that arrives.
        3 => {
            execute(Command::Disconnect(None));
            (0..600).for_each(|_| drop(simulator.tick()));
        }
        _ => drop(simulator.tick()),
    }
}

#[tokio::test(start_paused = true)]
async fn fault_73_after_any_disturbance_the_market_agrees_with_the_rest_api() {
    let mut gaps = 0;
    for seed in 0..rounds(8) {
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let (simulator, client) = simulated(Simulator::builder(), seed);
        let client = client.build().unwrap();
        let pairs = PAIRS.map(|pair| BookPair::new(pair).with_depth(DEPTH));
        let mut market = client.public().subscribe(PublicStream::ALL, pairs).unwrap();
        let mut received = Received::default();
        for _ in 0..random.usize(20..120) {
            disturb(&simulator, &mut random);
            // Gives the sent messages time to arrive.
            sleep(Duration::from_millis(20)).await;
            received.read(&mut market, Duration::from_millis(random.u64(1..2_000))).await;
        }
        // Refusals may still be pending.
        sleep(Duration::from_secs(900)).await;
        received.read(&mut market, Duration::from_secs(1)).await;
        assert_agrees(&market, &received, &client.rest().unwrap()).await;
        gaps += received.gaps;
    }
    println!("{gaps} gaps");
    assert!(gaps > 0, "no list of trades was without a known one");
}
