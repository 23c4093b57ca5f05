use bitopro_model::{Decimal, Pair, Timestamp};

use crate::{CandleSpan, CommandError, Exchange, OrderBook, Simulator};

const NOW: Timestamp = Timestamp::from_millis(1_639_553_303_365);

fn exchange(seed: u64) -> Exchange {
    Simulator::builder().with_seed(seed).build_exchange(NOW).unwrap()
}

fn execute(exchange: &mut Exchange, command: &str) {
    exchange.execute(NOW, &command.parse().unwrap()).unwrap();
}

fn assert_ordered(book: &OrderBook, market: Option<Decimal>) {
    assert!(book.bids.is_sorted_by(|a, b| a.price > b.price), "{book:?}");
    assert!(book.asks.is_sorted_by(|a, b| a.price < b.price), "{book:?}");
    for side in [&book.bids, &book.asks] {
        let totals = side.iter().scan(Decimal::ZERO, |total, level| {
            *total += level.amount;
            Some(*total)
        });
        assert!(totals.eq(side.iter().map(|level| level.total)), "{book:?}");
    }
    let (bid, ask) = (book.bids.first().map(|l| l.price), book.asks.first().map(|l| l.price));
    assert!(bid.zip(ask).is_none_or(|(bid, ask)| bid < ask), "{bid:?} {ask:?}");
    if let (Some(market), Some(bid), Some(ask)) = (market, bid, ask) {
        assert!(bid < market && market < ask);
    }
}

#[test]
fn the_order_book_shows_synthetic_levels_around_the_market_price_that_depend_on_the_seed() {
    let pair = Pair::new("BTC_TWD");
    let book = exchange(1).order_book(&pair, 50, 0).unwrap();
    assert_eq!((book.bids.len(), book.asks.len()), (50, 50));
    assert_eq!(book, exchange(1).order_book(&pair, 50, 0).unwrap());
    assert_ne!(book, exchange(2).order_book(&pair, 50, 0).unwrap());
    let mut exchange = exchange(1);
    for _ in 0..300 {
        exchange.tick(NOW);
        for rules in exchange.pairs() {
            let market = exchange.market_price(&rules.pair);
            assert_ordered(&exchange.order_book(&rules.pair, usize::MAX, 0).unwrap(), market);
        }
    }
}

#[test]
fn resting_orders_are_aggregated_by_price_and_grouped_by_scale() {
    let mut exchange = exchange(0);
    for (amount, price) in [("10", "3.21"), ("5", "3.21"), ("1", "3.25"), ("1", "0.004")] {
        execute(&mut exchange, &format!("place - buy bito_twd {amount} at {price}"));
    }
    execute(&mut exchange, "place - sell bito_twd 7 at 3.262");
    let pair = Pair::new("bito_twd");
    let levels = |limit, scale| {
        let book = exchange.order_book(&pair, limit, scale).unwrap();
        assert_ordered(&book, None);
        let level = |level: &crate::BookLevel| {
            format!("{} {} {} {}", level.price, level.amount, level.count, level.total)
        };
        [book.bids.iter().map(level).collect::<Vec<_>>(), book.asks.iter().map(level).collect()]
    };
    let asks = vec!["3.262 7 1 7".to_owned()];
    assert_eq!(levels(2, 0), [vec!["3.25 1 1 1".to_owned(), "3.21 15 2 16".to_owned()], asks]);
    assert_eq!(levels(5, 2), [vec!["3.2 16 3 16".to_owned()], vec!["3.3 7 1 7".to_owned()]]);
    assert_eq!(exchange.order_book(&pair, 5, 6), Err(CommandError::InvalidScale(6)));
    assert_eq!(
        exchange.order_book(&"nope_usdt".into(), 5, 0),
        Err(CommandError::UnsupportedPair("nope_usdt".into()))
    );
}

#[test]
fn trades_appear_in_the_ticker_and_in_candles() {
    let mut exchange = exchange(0);
    execute(&mut exchange, "place a sell bito_twd 10 at 3");
    execute(&mut exchange, "place b buy bito_twd 4 at 3");
    execute(&mut exchange, "fill a 1");
    execute(&mut exchange, "place c buy bito_twd 1 at 2");
    execute(&mut exchange, "fill c");
    let pair = Pair::new("BITO_TWD");
    let trades: Vec<_> = exchange
        .market_trades(&pair)
        .map(|t| (t.price.to_string(), t.amount.to_string(), t.is_buyer))
        .collect();
    let trade = |price: &str, amount: &str, is_buyer| (price.to_owned(), amount.to_owned(), is_buyer);
    assert_eq!(trades, [trade("2", "1", false), trade("3", "1", true), trade("3", "4", true)]);
    let ticker = exchange.ticker(&pair, NOW).unwrap();
    assert_eq!((ticker.last_price, ticker.volume, ticker.is_buyer), (2.into(), 6.into(), false));
    assert_eq!(
        (ticker.high, ticker.low, ticker.change_percent.to_string()),
        (3.into(), 2.into(), "-33.33".to_owned())
    );
    let range = (Timestamp::from_millis(0), NOW);
    let candles = exchange.candles(&pair, CandleSpan::Minutes(1), range);
    assert_eq!((candles.len(), candles[0].volume), (1, 6.into()));
    assert_eq!(exchange.candles(&pair, CandleSpan::Minutes(1), (NOW, NOW)), []);
    assert!(exchange.ticker(&"nope_usdt".into(), NOW).is_err());
}
