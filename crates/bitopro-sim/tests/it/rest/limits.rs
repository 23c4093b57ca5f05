use std::time::Duration;

use bitopro_model::Decimal;
use bitopro_rest::{CancelAllOrders, ErrorKind, GetBalances, GetOpenOrders, GetTickers, PlaceOrder};
use bitopro_sim::{Quirks, RateLimits, SimCredentials, Simulator};
use tokio::time::advance;

use crate::harness::in_memory;

#[tokio::test(start_paused = true)]
async fn the_601st_call_of_a_minute_is_refused_whether_it_is_public_or_signed() {
    let harness = in_memory(Simulator::builder());
    for _ in 0..300 {
        harness.call(&GetTickers::new()).await.unwrap();
        harness.call(&GetBalances::new()).await.unwrap();
    }
    for _ in 0..2 {
        let error = harness.call(&GetTickers::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert_eq!(error.words(), "too many requests (all calls: 600 per 60 s and address)");
    }
    assert_eq!(harness.call(&GetBalances::new()).await.unwrap_err().kind(), ErrorKind::RateLimited);
    advance(Duration::from_millis(59_999)).await;
    harness.call(&GetTickers::new()).await.unwrap_err();
    advance(Duration::from_millis(1)).await;
    harness.call(&GetTickers::new()).await.unwrap();
    harness.call(&GetBalances::new()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn stricter_limits_of_an_endpoint_are_counted_separately() {
    let bob = SimCredentials::new("bob-key", "bob-secret", "bob@example.com");
    let harness = in_memory(Simulator::builder().with_account("bob", bob, []));
    for _ in 0..5 {
        harness.call(&GetOpenOrders::new()).await.unwrap();
    }
    assert_eq!(harness.call(&GetOpenOrders::new()).await.unwrap_err().kind(), ErrorKind::RateLimited);
    harness.call(&CancelAllOrders::new()).await.unwrap();
    assert_eq!(harness.call(&CancelAllOrders::new()).await.unwrap_err().kind(), ErrorKind::RateLimited);
    // Other calls are still accepted.
    harness
        .call(&PlaceOrder::limit_buy("btc_twd", Decimal::new(1, 3), Decimal::from(1_000_000)))
        .await
        .unwrap();
    advance(Duration::from_secs(1)).await;
    harness.call(&GetOpenOrders::new()).await.unwrap();
    harness.call(&CancelAllOrders::new()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn limits_can_be_ignored() {
    let quirks = Quirks::default().with(RateLimits::Ignored);
    let harness = in_memory(Simulator::builder().with_quirks(quirks));
    for _ in 0..700 {
        harness.call(&GetTickers::new()).await.unwrap();
    }
}
