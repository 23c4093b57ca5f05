//! The content of the messages, and when they are sent.

use std::time::Duration;

use bitopro_model::{
    BookLevel, Decimal, MarketEvent, MarketTrade, MarketTrades, OrderBook, Ticker, UnixSeconds,
};
use bitopro_rest::{CancelOrder, GetCandles, GetOrderBook, PlaceOrder, Resolution};
use bitopro_sim::{BookRepeats, Clock, Datetimes, EventIds, Quirks, TickerPairs, TickerRange};

use super::{BOOKS, NOW, TICKERS, TRADES, assert_silent, builder, next, text};
use crate::harness::{all_transports, in_memory};

/// Returns price, amount, count and total of each level.
fn levels(levels: &[BookLevel]) -> Vec<String> {
    let level = |level: &BookLevel| {
        let (count, total) = (level.count.unwrap(), level.total.unwrap());
        format!("{} {} {count} {total}", level.price, level.amount)
    };
    levels.iter().map(level).collect()
}

#[tokio::test]
async fn an_order_over_rest_appears_in_the_book_and_its_fill_in_trades_tickers_and_candles() {
    for harness in all_transports(builder()).await {
        let mut book = harness.follow(&format!("{BOOKS}/BITO_TWD")).await;
        let mut ticker = harness.follow(&format!("{TICKERS}/BITO_TWD")).await;
        let mut trades = harness.follow(&format!("{TRADES}/BITO_TWD")).await;
        assert_eq!(next::<OrderBook>(&mut book).await.asks, []);
        assert_eq!(next::<Ticker>(&mut ticker).await.last_price, Decimal::ZERO);
        assert_eq!(next::<MarketTrades>(&mut trades).await.data, []);

        let [amount, price] = [Decimal::new(12_345, 3), Decimal::new(3_210, 3)];
        let placed = harness.call(&PlaceOrder::limit_sell("bito_twd", amount, price)).await.unwrap();
        assert_eq!(levels(&next::<OrderBook>(&mut book).await.asks), ["3.210 12.3450 1 12.3450"]);
        let part = Decimal::new(2_345, 3);
        harness.call(&PlaceOrder::limit_buy("bito_twd", part, price)).await.unwrap();
        assert_eq!(levels(&next::<OrderBook>(&mut book).await.asks), ["3.210 10.0000 1 10.0000"]);
        let trade = &next::<MarketTrades>(&mut trades).await.data[0];
        assert_eq!((trade.price, trade.amount.to_string().as_str()), (price, "2.3450"));
        let shown: Ticker = next(&mut ticker).await;
        assert_eq!((shown.last_price, shown.volume_24h.unwrap().to_string()), (price, "2.3450".to_owned()));
        let seconds = |ms: i64| UnixSeconds::from_secs((NOW.as_millis() + ms) / 1_000);
        let candles = GetCandles::new("bito_twd", Resolution::OneMinute, seconds(-60_000), seconds(0));
        let candle = &harness.call(&candles).await.unwrap().items[0];
        assert_eq!((candle.close, candle.volume), (price, part));

        harness.call(&CancelOrder::new("bito_twd", placed.order_id)).await.unwrap();
        assert_eq!(next::<OrderBook>(&mut book).await.asks, []);
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_book_is_exact_as_in_rest_and_later_ones_are_rounded() {
    let harness = in_memory(builder());
    harness.run(&[
        "place a sell bito_twd 0.00497067 at 3.21",
        "place - sell bito_twd 1.004 at 3.22",
        "place - sell bito_twd 1.004 at 3.22",
    ]);
    let mut connection = harness.follow(&format!("{BOOKS}/BITO_TWD")).await;
    let first: OrderBook = next(&mut connection).await;
    let exact = ["3.210 0.00497067 1 0.00497067", "3.220 2.008 2 2.01297067"];
    assert_eq!((levels(&first.asks), levels(&first.bids)), (exact.map(str::to_owned).to_vec(), vec![]));
    let rest = harness.call(&GetOrderBook::new("bito_twd")).await.unwrap();
    assert_eq!(rest.asks, first.asks);

    // Totals are rounded sums of the exact amounts.
    harness.run(&["place - buy bito_twd 0.005 at 3"]);
    let later: OrderBook = next(&mut connection).await;
    assert_eq!(levels(&later.bids), ["3.000 0.0050 1 0.0050"]);
    assert_eq!(levels(&later.asks), ["3.210 0.0050 1 0.0050", "3.220 2.0080 2 2.0130"]);
    harness.run(&["fill a"]);
    let later: OrderBook = next(&mut connection).await;
    assert_eq!(levels(&later.asks), ["3.220 2.0080 2 2.0080"]);

    // A new socket begins with exact amounts again.
    let first: OrderBook = next(&mut harness.follow(&format!("{BOOKS}/BITO_TWD:1")).await).await;
    assert_eq!((levels(&first.asks), first.limit), (vec!["3.220 2.008 2 2.008".to_owned()], Some(1)));
}

#[tokio::test(start_paused = true)]
async fn the_book_follows_every_step_of_the_market() {
    let clock = Clock::following_tokio(NOW);
    let harness = in_memory(builder().with_clock(clock).with_market_interval(Duration::from_millis(200)));
    let mut connection = harness.follow(&format!("{BOOKS}?pairs=BTC_TWD:20,ETH_USDT:20")).await;
    let mut last = [next::<OrderBook>(&mut connection).await, next(&mut connection).await];
    for _ in 0..100 {
        let book: OrderBook = next(&mut connection).await;
        let known = last.iter_mut().find(|known| known.pair == book.pair).unwrap();
        assert!((&book.bids, &book.asks) != (&known.bids, &known.asks));
        assert_eq!((book.timestamp.as_millis() - NOW.as_millis()) % 200, 0);
        assert!(book.bids[0].price < book.asks[0].price);
        let rest = harness.call(&GetOrderBook::new(book.pair.clone()).with_depth(20)).await.unwrap();
        for (side, exact) in [(&book.bids, rest.bids), (&book.asks, rest.asks)] {
            assert_eq!(side.len(), exact.len());
            for (level, exact) in side.iter().zip(exact) {
                let is_nearest = |rounded: Decimal, exact: Decimal| {
                    (rounded - exact).abs() <= Decimal::new(5, 5) && rounded.scale() == 4
                };
                assert_eq!((level.price, level.count), (exact.price, exact.count));
                assert!(is_nearest(level.amount, exact.amount), "{level:?} {exact:?}");
                assert!(is_nearest(level.total.unwrap(), exact.total.unwrap()), "{level:?} {exact:?}");
            }
        }
        *known = book;
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_change_of_what_a_socket_follows_is_sent_to_it() {
    let harness = in_memory(builder());
    let mut best = harness.follow(&format!("{BOOKS}/BITO_TWD:1")).await;
    let mut all = harness.follow(&format!("{BOOKS}/BITO_TWD:50")).await;
    let mut trades = harness.follow(&format!("{TRADES}/BITO_TWD")).await;
    let mut tickers = harness.follow(&format!("{TICKERS}/BITO_TWD")).await;
    let mut other = harness.follow(&format!("{BOOKS}/ADA_USDT")).await;
    for connection in [&mut best, &mut all, &mut trades, &mut tickers, &mut other] {
        text(connection).await;
    }
    harness.run(&["place a buy bito_twd 1 at 3", "place b buy bito_twd 1 at 2", "deposit BTC 1"]);
    assert_eq!(levels(&next::<OrderBook>(&mut best).await.bids), ["3.000 1.0000 1 1.0000"]);
    assert_eq!(levels(&next::<OrderBook>(&mut all).await.bids), ["3.000 1.0000 1 1.0000"]);
    assert_eq!(
        levels(&next::<OrderBook>(&mut all).await.bids),
        ["3.000 1.0000 1 1.0000", "2.000 1.0000 1 2.0000"]
    );
    for connection in [&mut best, &mut all, &mut trades, &mut tickers, &mut other] {
        assert_silent(connection).await;
    }
    // Two equal trades in the same second are two messages, even beyond the length of the list.
    for number in 1..=25 {
        harness.run(&["place - sell bito_twd 0.01 at 3"]);
        let trades: MarketTrades = next(&mut trades).await;
        assert_eq!(trades.data.len(), number.min(20));
        let volume = Decimal::new(i64::try_from(number).unwrap(), 2);
        assert_eq!(next::<Ticker>(&mut tickers).await.volume_24h, Some(volume));
    }
    assert_silent(&mut other).await;
}

#[tokio::test(start_paused = true)]
async fn trades_are_listed_newest_first_in_seconds_and_rounded() {
    let harness = in_memory(builder());
    let mut connection = harness.follow(&format!("{TRADES}/BITO_TWD")).await;
    text(&mut connection).await;
    harness.run(&["place a buy bito_twd 5 at 3", "place - sell bito_twd 1.23456 at 2.5"]);
    let first: MarketTrades = next(&mut connection).await;
    harness.run(&["place - sell bito_twd 1 at 3.5", "place - buy bito_twd 0.006 at 3.50"]);
    let expected = concat!(
        r#""pair":"BITO_TWD","data":[{"timestamp":1639553303,"price":"3.5","amount":"0.0060","isBuyer":true},"#,
        r#"{"timestamp":1639553303,"price":"3","amount":"1.2346","isBuyer":false}]}"#
    );
    let second = text(&mut connection).await;
    assert!(second.ends_with(expected), "{second}");
    assert_eq!(first.data.len(), 1);

    // A new socket immediately gets the same list, but only the last 20 trades.
    for amount in 1..=20 {
        harness.run(&[&format!("place - buy bito_twd 0.0{amount:02} at 3.5")]);
    }
    let recent: MarketTrades = next(&mut harness.follow(&format!("{TRADES}/BITO_TWD")).await).await;
    let trade = |trade: &MarketTrade| (trade.price.to_string(), trade.amount.to_string());
    assert_eq!(recent.data.len(), 20);
    assert_eq!(trade(&recent.data[0]), ("3.5".to_owned(), "0.0200".to_owned()));
    assert_eq!(trade(&recent.data[19]), ("3.5".to_owned(), "0.0010".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_ticker_has_the_observed_fields() {
    for (quirks, [high, low]) in
        [(Quirks::default(), ["3.5", "3.5"]), (Quirks::default().with(TickerRange::Real), ["4", "2.5"])]
    {
        let harness = in_memory(builder().with_quirks(quirks));
        harness.run(&[
            "place a buy bito_twd 1.23456789 at 2.5",
            "fill a",
            "place b sell bito_twd 1 at 4",
            "fill b",
        ]);
        let mut connection = harness.follow(&format!("{TICKERS}/BITO_TWD")).await;
        text(&mut connection).await;
        harness.run(&["place c sell bito_twd 1 at 3.50", "fill c"]);
        let text = text(&mut connection).await;
        let rate = next::<Ticker>(&mut harness.follow(&format!("{TICKERS}/USDT_TWD")).await).await.last_price;
        let ticker = Ticker::from_json(&text).unwrap();
        let usd = Decimal::new(35, 1) / rate;
        let rounded = |value: Decimal| (value.round_dp(4), 4);
        let decimals = |value: Option<Decimal>| value.map(|value| (value, value.scale())).unwrap();
        assert_eq!(decimals(ticker.last_price_usd), rounded(usd));
        assert_eq!(decimals(ticker.volume_24h_usd).1, 4);
        let expected = r#""isBuyer":true,"priceChange24hr":"40","volume24hr":"3.2346","#;
        assert!(text.contains(expected), "{text}");
        let expected = format!("\"volume24hrTWD\":\"11\",\"high24hr\":\"{high}\",\"low24hr\":\"{low}\"}}");
        assert!(text.ends_with(&expected), "{text}");
        assert!(text.contains(r#""pair":"BITO_TWD","lastPrice":"3.5","lastPriceUSD":"#), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn quirks_change_the_envelope_and_the_pair_of_a_ticker() {
    let quirks =
        Quirks::default().with(TickerPairs::Absent).with(Datetimes::TaiwanMarkedUtc).with(EventIds::Absent);
    let harness = in_memory(builder().with_quirks(quirks));
    let ticker = text(&mut harness.follow(&format!("{TICKERS}/BTC_TWD")).await).await;
    assert!(!ticker.contains("pair") && ticker.contains("lastPriceTWD"), "{ticker}");
    let trades: MarketTrades = next(&mut harness.follow(&format!("{TRADES}/BTC_TWD")).await).await;
    assert_eq!((trades.event_id, trades.datetime), (None, Some("2021-12-15T15:28:23.365Z".into())));
}

#[tokio::test(start_paused = true)]
async fn one_message_in_six_repeats_a_book_with_the_quirk() {
    let quirks = Quirks::default().with(BookRepeats::Sometimes);
    let harness = in_memory(builder().with_quirks(quirks));
    let mut connection = harness.follow(&format!("{BOOKS}/BITO_TWD")).await;
    let mut ids = vec![next::<OrderBook>(&mut connection).await.event_id];
    for order in 1..=10 {
        harness.run(&[&format!("place - buy bito_twd 1 at {order}")]);
        let book: OrderBook = next(&mut connection).await;
        if order % 5 == 0 {
            let mut again: OrderBook = next(&mut connection).await;
            assert_ne!(again.event_id, book.event_id);
            again.event_id.clone_from(&book.event_id);
            assert_eq!(again, book);
        }
        ids.push(book.event_id);
    }
    assert_silent(&mut connection).await;
    ids.dedup();
    assert_eq!(ids.len(), 11);
}
