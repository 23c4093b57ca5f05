use bitopro_model::{Action, Balance, Decimal, UnixSeconds};
use bitopro_rest::{
    ErrorKind, GetCandles, GetCurrencies, GetFees, GetOrderBook, GetTicker, GetTickers, GetTrades,
    GetTradingPairs, PlaceOrder, Resolution,
};
use bitopro_sim::{NewOrder, PairList, Simulator};

use crate::harness::{all_transports, in_memory};

#[tokio::test]
async fn public_calls_return_what_the_exchange_shows_over_every_transport() {
    for harness in all_transports(Simulator::builder()).await {
        let depth = GetOrderBook::new("btc_twd").with_depth(20);
        let best = harness.call(&depth).await.unwrap().asks[0].clone();
        let buy = NewOrder::limit("btc_twd", Action::Buy, best.amount, Decimal::from(4_000_000));
        harness.simulator.place(&buy).unwrap();

        let pairs = harness.call(&GetTradingPairs::new()).await.unwrap();
        let tickers = harness.call(&GetTickers::new()).await.unwrap();
        assert_eq!(pairs.len(), 35);
        assert!(pairs.iter().map(|pair| &pair.pair).eq(tickers.iter().map(|ticker| &ticker.pair)));
        let btc = pairs.iter().find(|pair| pair.pair == "btc_twd").unwrap();
        assert_eq!((btc.base.as_str(), btc.quote.as_str(), btc.quote_precision), ("btc", "twd", Some(0)));
        assert_eq!(btc.min_limit_base_amount, Some(Decimal::new(1, 4)));
        assert!(pairs.extra.is_empty() && pairs.iter().all(|pair| pair.extra.is_empty()));

        let ticker = harness.call(&GetTicker::new("btc_twd")).await.unwrap();
        assert_eq!(Some(&ticker), tickers.iter().find(|ticker| ticker.pair == "btc_twd"));
        assert_eq!(ticker.last_price, best.price);
        assert!(ticker.volume_24h >= Some(best.amount), "{ticker:?}");

        let book = harness.call(&depth).await.unwrap();
        assert!(book.asks[0].price > best.price);
        assert_eq!((book.bids.len(), book.asks.len()), (20, 20));
        assert!(book.bids[0].price < book.asks[0].price);
        let total: Decimal = book.bids.iter().map(|level| level.amount).sum();
        assert_eq!(book.bids[19].total, Some(total));

        let trade = &harness.call(&GetTrades::new("btc_twd")).await.unwrap().items[0];
        assert_eq!((trade.price, trade.amount, trade.is_buyer), (best.price, best.amount, Some(true)));
        let now = UnixSeconds::from_secs(harness.simulator.now().as_millis() / 1_000);
        let day_ago = UnixSeconds::from_secs(now.as_secs() - 86_400);
        let candles = GetCandles::new("btc_twd", Resolution::OneDay, day_ago, now);
        let candle = &harness.call(&candles).await.unwrap().items[0];
        assert!(candle.volume >= best.amount && candle.low <= candle.high, "{candle:?}");

        let currencies = harness.call(&GetCurrencies::new()).await.unwrap();
        assert!(currencies.iter().any(|currency| currency.currency.as_str() == "USDT"));
        let fees = harness.call(&GetFees::new()).await.unwrap().trading_fees;
        let fee = |rank: usize| {
            let fee = &fees[rank];
            let texts = [Some(fee.maker_fee), Some(fee.taker_fee), fee.maker_bito_fee, fee.taker_bito_fee];
            assert!(fee.extra.is_empty() && fee.rank == i64::try_from(rank).unwrap(), "{fee:?}");
            texts.map(|fee| fee.unwrap().to_string()).join(" ")
        };
        assert_eq!((fees.len(), fee(0).as_str()), (7, "0.001 0.002 0.0008 0.0016"));
        assert_eq!(fee(6), "0.000125 0.00045 0.0001 0.00036");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_with_the_pairs_is_a_valid_list_and_a_paused_pair_takes_no_orders() {
    let (_, mut reply) = in_memory(Simulator::builder()).get("/provisioning/trading-pairs").await;
    let pairs: PairList = reply.to_string().parse().unwrap();
    assert_eq!(pairs, PairList::default());

    let rows = reply["data"].as_array_mut().unwrap();
    rows.retain(|row| row["pair"] == "btc_twd" || row["pair"] == "bito_twd");
    rows[0]["maintain"] = true.into();
    rows[1]["minLimitBaseAmount"] = "5".into();
    let harness = in_memory(Simulator::builder().with_pairs(reply.to_string().parse().unwrap()));
    assert_eq!(harness.get("/provisioning/trading-pairs").await.1, reply);
    let order = |pair: &str, amount| PlaceOrder::limit_buy(pair, Decimal::from(amount), Decimal::ONE);
    let paused = harness.call(&order("btc_twd", 1)).await.unwrap_err();
    assert_eq!((paused.kind(), paused.words()), (ErrorKind::Rejected, "trading of btc_twd is paused"));
    let small = harness.call(&order("bito_twd", 4)).await.unwrap_err();
    assert_eq!(small.kind(), ErrorKind::BelowMinimum, "{small}");
    harness.call(&order("bito_twd", 5)).await.unwrap();
    assert_eq!(harness.call(&GetTicker::new("eth_twd")).await.unwrap_err().kind(), ErrorKind::UnknownPair);
    assert_eq!(harness.get("/order-book/btc_twd").await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn wrong_parameters_are_refused_with_the_words_of_the_exchange() {
    let harness = in_memory(Simulator::builder().with_balances([Balance::new("TWD", Decimal::ONE)]));
    for (path, words) in [
        ("/tickers/nope_usdt", "Unsupported trading pair nope_usdt."),
        ("/order-book/nope_usdt", "Unsupported trading pair nope_usdt."),
        ("/order-book/btc_twd?limit=100", "Invalid limit: 100"),
        ("/order-book/btc_twd?scale=9", "Invalid scale: 9"),
        ("/trading-history/btc_twd?from=1&to=2", "Wrong parameter: resolution"),
        ("/trading-history/btc_twd?resolution=1m&to=2", "Wrong parameter: from"),
        ("/orders/trades/btc_twd?limit=1001", "Wrong parameter: limit"),
        ("/orders/all/btc_twd?statusKind=SOME", "Wrong parameter: statusKind"),
        ("/orders/open?pair=nope_usdt", "Unsupported trading pair nope_usdt."),
    ] {
        let (status, reply) = harness.get(path).await;
        assert_eq!((status, reply["error"].as_str()), (422, Some(words)), "{path}");
    }
    let error = harness.call(&GetTicker::new("nope_usdt")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownPair);
    assert_eq!(harness.get("/nothing").await, (404, serde_json::json!({ "message": "404 NOT FOUND" })));
    assert_eq!(harness.raw(http::Method::PUT, "/tickers", "{}", "{}").await.0, 405);
    // A limit of zero is the default, and any case of the pair is accepted.
    let (_, zero) = harness.get("/order-book/BTC_TWD/?limit=0").await;
    assert_eq!(zero["bids"].as_array().map(Vec::len), Some(5));
}
