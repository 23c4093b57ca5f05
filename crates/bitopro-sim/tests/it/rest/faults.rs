use std::time::Duration;

use bitopro_model::Decimal;
use bitopro_rest::{Call, ErrorKind, GetBalances, PlaceOrder};
use bitopro_sim::{Command, Simulator};
use bitopro_transport::ErrorKind as TransportErrorKind;
use tokio::time::Instant;

use crate::harness::{Harness, all_transports, in_memory};

fn order() -> PlaceOrder {
    PlaceOrder::limit_buy("btc_twd", Decimal::new(1, 3), Decimal::from(1_000_000))
}

fn execute(harness: &Harness, command: &str) {
    harness.simulator.execute(&command.parse::<Command>().unwrap()).unwrap();
}

fn open(harness: &Harness) -> usize {
    harness.simulator.open_orders().len()
}

#[tokio::test]
async fn a_refused_call_has_no_effect_and_a_truncated_or_lost_one_has() {
    for harness in all_transports(Simulator::builder()).await {
        let before = open(&harness);
        execute(&harness, "fail-rest 2 502");
        execute(&harness, "fail-rest 1 truncate");
        execute(&harness, "fail-rest 1 lose");
        for _ in 0..2 {
            let error = harness.call(&order()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        }
        assert_eq!(open(&harness), before);
        let error = harness.call(&order()).await.unwrap_err();
        assert_eq!((error.kind(), open(&harness)), (ErrorKind::Unreadable, before + 1), "{error}");

        let base = harness.simulator.rest_url().to_string().parse().unwrap();
        let request = order().to_request(&base, &harness.signer, harness.now_ms()).unwrap();
        let error = harness.http.send(request, Duration::from_secs(60)).await.unwrap_err();
        assert_eq!((error.kind(), open(&harness)), (TransportErrorKind::Disconnected, before + 2), "{error}");
        harness.call(&order()).await.unwrap();
        assert_eq!(open(&harness), before + 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_delayed_response_arrives_late_but_its_effect_is_immediate() {
    let harness = in_memory(Simulator::builder());
    execute(&harness, "fail-rest 2 delay 3000");
    let (before, start) = (open(&harness), Instant::now());
    harness.call(&order()).await.unwrap();
    assert_eq!((start.elapsed(), open(&harness)), (Duration::from_secs(3), before + 1));
    // A client that does not wait that long has placed its order nevertheless.
    let base = harness.simulator.rest_url().to_string().parse().unwrap();
    let request = order().to_request(&base, &harness.signer, harness.now_ms()).unwrap();
    let error = harness.http.send(request, Duration::from_secs(2)).await.unwrap_err();
    assert_eq!((error.kind(), open(&harness)), (TransportErrorKind::TimedOut, before + 2));
    harness.call(&GetBalances::new()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_response_has_one_date() {
    let harness = in_memory(Simulator::builder());
    execute(&harness, "fail-rest 1 502");
    let old = r#"{"nonce":1}"#;
    for expected in [502, 409, 409] {
        let response =
            harness.send(harness.raw_request(http::Method::GET, "/accounts/balance", old, "")).await;
        assert_eq!(response.status(), expected);
        assert_eq!(response.headers().get_all("date").iter().count(), 1, "{response:?}");
    }
}
