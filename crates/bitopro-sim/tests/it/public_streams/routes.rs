//! The requests that are accepted, and the pairs that they follow.

use bitopro_auth::{API_KEY_HEADER, SIGNATURE_HEADER};
use bitopro_model::{OrderBook, Ticker};
use bitopro_transport::ErrorKind;

use super::{BOOKS, TICKERS, TRADES, builder, next, text};
use crate::harness::{all_transports, in_memory};

#[tokio::test(start_paused = true)]
async fn every_form_of_a_request_follows_its_pairs_in_order() {
    let harness = in_memory(builder());
    for (list, expected) in [
        ("/BTC_TWD", &[("BTC_TWD", 5)][..]),
        ("/btc_twd", &[("BTC_TWD", 5)]),
        ("/BTC_TWD:20/", &[("BTC_TWD", 20)]),
        ("/BTC_TWD%3A20", &[("BTC_TWD", 20)]),
        ("/ETH_TWD:20,BTC_TWD:50", &[("ETH_TWD", 20), ("BTC_TWD", 50)]),
        ("/ETH_TWD:1%2CBTC_TWD:1", &[("ETH_TWD", 1), ("BTC_TWD", 1)]),
        ("?pairs=BTC_TWD:1,ETH_TWD:20,BITO_TWD", &[("BTC_TWD", 1), ("ETH_TWD", 20), ("BITO_TWD", 5)]),
        ("/?pairs=BTC_TWD%3A10%2Ceth_TWD%3A30", &[("BTC_TWD", 10), ("ETH_TWD", 30)]),
        ("?x=1&pairs=BTC_TWD", &[("BTC_TWD", 5)]),
        // The path precedes the query.
        ("/BTC_TWD?pairs=ETH_TWD", &[("BTC_TWD", 5)]),
        // Other limits are served as 5.
        ("/BTC_TWD:7,ETH_TWD:100,SOL_TWD:0", &[("BTC_TWD", 5), ("ETH_TWD", 5), ("SOL_TWD", 5)]),
        ("/BTC_TWD:,ETH_TWD:many,SOL_TWD:-1", &[("BTC_TWD", 5), ("ETH_TWD", 5), ("SOL_TWD", 5)]),
        // Unknown pairs are ignored without notice.
        ("/NOPE_TWD:20,BTC_TWD:20,,XXX", &[("BTC_TWD", 20)]),
        ("?pairs=NOPE_TWD,BTC_TWD:20", &[("BTC_TWD", 20)]),
        // One series for a pair, with its last limit.
        ("/BTC_TWD:1,ETH_TWD:1,btc_twd:20", &[("BTC_TWD", 20), ("ETH_TWD", 1)]),
    ] {
        let mut connection = harness.follow(&format!("{BOOKS}{list}")).await;
        for (pair, limit) in expected {
            let book: OrderBook = next(&mut connection).await;
            assert_eq!(
                (book.pair.as_str(), book.limit, book.scale),
                (*pair, Some(*limit), Some(0)),
                "{list}"
            );
            assert!(book.extra.is_empty(), "{book:?}");
        }
        super::assert_silent(&mut connection).await;
    }
}

#[tokio::test]
async fn all_streams_are_served_without_authentication_over_every_transport() {
    for harness in all_transports(builder()).await {
        for (path, event) in [
            (format!("{BOOKS}?pairs=BTC_TWD:1"), "ORDER_BOOK"),
            (format!("{TICKERS}/BTC_TWD"), "TICKER"),
            (format!("{TRADES}?pairs=BTC_TWD"), "TRADE"),
        ] {
            let expected = format!(r#"{{"event":"{event}","timestamp":1639553303365,"#);
            assert!(text(&mut harness.follow(&path).await).await.starts_with(&expected));
            // Private headers are ignored, even wrong ones.
            let headers = [(API_KEY_HEADER, "nobody"), (SIGNATURE_HEADER, "?")];
            let mut connection = harness.dial_path(&path, headers).await.unwrap();
            assert!(text(&mut connection).await.starts_with(&expected));
        }
        let paths: Vec<_> = harness.simulator.upgrade_attempts().into_iter().map(|dial| dial.path).collect();
        assert_eq!(paths[0], "/ws/v1/pub/order-books?pairs=BTC_TWD:1");
        assert_eq!(paths[2], "/ws/v1/pub/tickers/BTC_TWD");
        assert_eq!(harness.statuses(), [101; 6]);
    }
}

#[tokio::test]
async fn a_request_without_a_known_pair_or_stream_gets_an_empty_200() {
    for harness in all_transports(builder()).await {
        for path in [
            "/v1/pub/tickers",
            "/v1/pub/tickers/",
            "/v1/pub/tickers?pairs=",
            "/v1/pub/tickers?pair=BTC_TWD",
            "/v1/pub/tickers/NOPE_TWD",
            "/v1/pub/tickers?pairs=NOPE_TWD,XXX",
            "/v1/pub/tickers/BTC_TWD/ETH_TWD",
            // Only order books have a limit.
            "/v1/pub/tickers/BTC_TWD:20",
            "/v1/pub/tickersBTC_TWD",
            "/v1/pub/candles/BTC_TWD",
            "/v1/pub/order-books/NOPE_TWD:20",
            "/v1/pub/auth/account-balance/BTC_TWD",
        ] {
            let error = harness.dial_path(path, harness.sign().iter()).await.map(|_| ()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused, "{path}: {error:?}");
            let refusal = error.refusal().unwrap();
            assert_eq!((refusal.status.as_u16(), refusal.body.len()), (200, 0), "{path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_private_streams_ignore_a_query() {
    let harness = in_memory(builder());
    let signed = harness.sign();
    let path = "/v1/pub/auth/account-balance?pairs=BTC_TWD";
    let mut connection = harness.dial_path(path, signed.iter()).await.unwrap();
    assert!(text(&mut connection).await.contains("ACCOUNT_BALANCE"));
}

#[tokio::test(start_paused = true)]
async fn all_pairs_fit_on_one_socket() {
    let harness = in_memory(builder());
    let pairs = harness.call(&bitopro_rest::GetTradingPairs::new()).await.unwrap();
    let names: Vec<String> = pairs.iter().map(|pair| pair.pair.as_str().to_ascii_uppercase()).collect();
    let mut connection = harness.follow(&format!("{TICKERS}?pairs={}", names.join(","))).await;
    for name in names {
        assert_eq!(next::<Ticker>(&mut connection).await.pair.as_str(), name);
    }
}
