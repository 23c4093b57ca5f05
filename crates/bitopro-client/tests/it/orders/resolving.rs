use std::time::Duration;

use bitopro_client::rest::{PlaceOrder, Trigger};
use bitopro_client::{Resolution, Unresolved};
use bitopro_model::{Decimal, TimeInForce};
use bitopro_sim::{OpenOrderTimes, Quirks, RestLag};
use tokio::time::Instant;

use super::{accepted, exchange, exchange_with, execute, open, order, unknown};

/// An order on the terms of [`order`], but with a trigger.
fn stop_limit() -> PlaceOrder {
    let trigger = Trigger::at_or_below(Decimal::from(900_000));
    PlaceOrder::stop_limit_buy("btc_twd", order().amount(), Decimal::from(1_000_000), trigger)
}

#[tokio::test(start_paused = true)]
async fn an_order_that_was_placed_is_found() {
    for quirks in [
        Quirks::default(),
        Quirks::default().with(OpenOrderTimes::Milliseconds),
        Quirks::default().with(RestLag::TwoSeconds),
    ] {
        for fault in ["lose", "truncate", "delay 60000"] {
            for order in [order(), order().with_client_id(7_u32)] {
                let (simulator, client) = exchange_with(quirks);
                let mut unknown = unknown(&simulator, &client, &order, fault).await;
                let start = Instant::now();
                for _ in 0..2 {
                    let Resolution::Placed(found) = unknown.resolve().await else {
                        panic!("{fault} {quirks}")
                    };
                    assert_eq!(open(&simulator), *std::slice::from_ref(&found.id), "{fault} {quirks}");
                    // A later order on the same terms is another one.
                    execute(&simulator, "place - buy btc_twd 0.001 at 1000000");
                    let latest = open(&simulator).into_iter().find(|id| *id != found.id).unwrap();
                    simulator.cancel(&latest).unwrap();
                }
                assert!(start.elapsed() < Duration::from_secs(10));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_is_not_placed_only_after_a_minute_without_it() {
    let (simulator, client) = exchange();
    // Orders of other programs that differ in one term, and those of other placements, are not the result of the call.
    for other in [
        "buy btc_twd 0.002 at 1000000",
        "buy btc_twd 0.001 at 1000001",
        "buy btc_usdt 0.001 at 1000",
        "sell btc_twd 0.001 at 1000000",
    ] {
        execute(&simulator, &format!("place - {other}"));
    }
    execute(&simulator, "place - buy btc_twd 0.001 at 1000000 client 5");
    execute(&simulator, "place - buy btc_twd 0.001 at 1000000 when <= 900000");
    accepted(&client, &order()).await;
    let start = Instant::now();
    let mut unknown = unknown(&simulator, &client, &order(), "502").await;
    accepted(&client, &order()).await;
    assert!(matches!(unknown.resolve().await, Resolution::NotPlaced));
    assert_eq!(start.elapsed(), Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn equal_orders_are_each_found_once() {
    let (simulator, client) = exchange();
    let first = accepted(&client, &order()).await;
    let mut lost = unknown(&simulator, &client, &order(), "lose").await;
    let mut refused = unknown(&simulator, &client, &order(), "502").await;
    let Resolution::Placed(second) = lost.resolve().await else { panic!("not found") };
    assert_ne!(second.id, first);
    assert!(matches!(refused.resolve().await, Resolution::NotPlaced));
    assert_eq!(open(&simulator).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn filled_and_cancelled_orders_are_found() {
    for end in ["fill", "cancel"] {
        let (simulator, client) = exchange();
        let mut unknown = unknown(&simulator, &client, &order(), "lose").await;
        let id = open(&simulator).remove(0);
        execute(&simulator, &format!("{end} {id}"));
        let Resolution::Placed(found) = unknown.resolve().await else { panic!("{end}") };
        assert!(found.id == id && found.is_final(), "{end}");
    }
    let (simulator, client) = exchange();
    let market = PlaceOrder::market_buy_for_quote("btc_twd", Decimal::from(1_000));
    let mut unknown = unknown(&simulator, &client, &market, "lose").await;
    let Resolution::Placed(found) = unknown.resolve().await else { panic!("not found") };
    assert!(found.is_filled());
}

#[tokio::test(start_paused = true)]
async fn an_equal_order_of_another_program_makes_the_outcome_ambiguous() {
    let (simulator, client) = exchange();
    let mut unclear = unknown(&simulator, &client, &order(), "lose").await;
    execute(&simulator, "place - buy btc_twd 0.001 at 1000000");
    let Resolution::Unknown(Unresolved::Ambiguous(orders)) = unclear.resolve().await else { panic!() };
    assert_eq!(orders.len(), 2);

    // A client id distinguishes them.
    let mut clear = unknown(&simulator, &client, &order().with_client_id(7_u32), "lose").await;
    execute(&simulator, "place - buy btc_twd 0.001 at 1000000 client 8");
    let Resolution::Placed(found) = clear.resolve().await else { panic!("not found") };
    assert_eq!(found.client_id, Some(7.into()));

    // The same client id on other terms proves nothing, and neither do the same terms without the client id.
    let (simulator, client) = exchange();
    let mut doubtful = unknown(&simulator, &client, &order().with_client_id(9_u32), "502").await;
    execute(&simulator, "place - buy btc_twd 0.002 at 1000000 client 9");
    let Resolution::Unknown(reason) = doubtful.resolve().await else { panic!() };
    assert!(matches!(&reason, Unresolved::Ambiguous(orders) if orders.len() == 1), "{reason}");
    execute(&simulator, "place - buy btc_twd 0.001 at 1000000");
    let Resolution::Unknown(reason) = doubtful.resolve().await else { panic!() };
    assert!(matches!(&reason, Unresolved::Ambiguous(orders) if orders.len() == 2), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn an_order_in_flight_is_not_mistaken_for_the_lost_one() {
    let market_buy = |quote_amount| PlaceOrder::market_buy_for_quote("btc_twd", Decimal::from(quote_amount));
    let larger = PlaceOrder::limit_buy("btc_twd", Decimal::new(2, 3), Decimal::from(1_000_000));
    for (refused, in_flight) in [
        (order(), order()),
        // The amount of a market order that buys is not comparable.
        (market_buy(1_000), market_buy(2_000)),
        // A stop-limit order becomes a limit order.
        (stop_limit(), order()),
        (order().with_client_id(7_u32), larger.with_client_id(7_u32)),
        (order().with_client_id(7_u32), order()),
    ] {
        let (simulator, client) = exchange();
        let mut unknown = unknown(&simulator, &client, &refused, "502").await;
        execute(&simulator, "fail-rest 1 delay 5000");
        let placing = tokio::spawn({
            let (client, in_flight) = (client.clone(), in_flight.clone());
            async move { accepted(&client, &in_flight).await }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        let resolution = unknown.resolve().await;
        assert!(matches!(resolution, Resolution::NotPlaced), "{refused:?} {in_flight:?} {resolution:?}");
        placing.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn lists_that_cannot_be_read_prove_nothing() {
    let (simulator, client) = exchange();
    let mut unknown = unknown(&simulator, &client, &order(), "502").await;
    execute(&simulator, "fail-rest 1000 502");
    let start = Instant::now();
    let Resolution::Unknown(reason) = unknown.resolve().await else { panic!() };
    assert!(matches!(reason, Unresolved::Failed(_)), "{reason}");
    assert!(start.elapsed() >= Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn a_stop_order_is_found_by_its_stop_price_even_after_it_was_triggered() {
    let (simulator, client) = exchange();
    let mut unknown = unknown(&simulator, &client, &stop_limit(), "lose").await;
    let id = open(&simulator).remove(0);
    execute(&simulator, "place - buy btc_twd 0.001 at 1000000 when <= 800000");
    execute(&simulator, &format!("trigger {id}"));
    let Resolution::Placed(found) = unknown.resolve().await else { panic!("not found") };
    assert_eq!(found.id, id);
}

#[tokio::test(start_paused = true)]
async fn a_stop_order_is_mistaken_neither_for_a_limit_order_nor_for_one_with_the_opposite_trigger() {
    let (simulator, client) = exchange();
    let mut refused = unknown(&simulator, &client, &stop_limit(), "502").await;
    execute(&simulator, "place - buy btc_twd 0.001 at 1000000 when >= 900000");
    assert!(matches!(refused.resolve().await, Resolution::NotPlaced));

    // It may have become this limit order, whose stop price the exchange may have left out.
    for order in [stop_limit(), stop_limit().with_client_id(7_u32)] {
        let (simulator, client) = exchange();
        let mut refused = unknown(&simulator, &client, &order, "502").await;
        execute(&simulator, "place - buy btc_twd 0.001 at 1000000");
        let Resolution::Unknown(reason) = refused.resolve().await else { panic!("{order:?}") };
        assert!(matches!(&reason, Unresolved::Ambiguous(orders) if orders.len() == 1), "{reason}");
    }
    let mut lost = unknown(&simulator, &client, &stop_limit(), "lose").await;
    execute(&simulator, "place - buy btc_twd 0.001 at 1000000");
    let Resolution::Placed(found) = lost.resolve().await else { panic!("not found") };
    assert_eq!(found.stop_price, stop_limit().stop_price());
}

#[tokio::test(start_paused = true)]
async fn a_post_only_order_is_not_mistaken_for_one_that_may_match_immediately() {
    let post_only = PlaceOrder::post_only_buy("btc_twd", order().amount(), Decimal::from(1_000_000));
    for (refused, other) in [(post_only.clone(), ""), (order(), " post-only")] {
        let (simulator, client) = exchange();
        let mut refused = unknown(&simulator, &client, &refused, "502").await;
        execute(&simulator, &format!("place - buy btc_twd 0.001 at 1000000{other}"));
        let resolution = refused.resolve().await;
        assert!(matches!(resolution, Resolution::NotPlaced), "{other} {resolution:?}");
    }
    let (simulator, client) = exchange();
    let mut lost = unknown(&simulator, &client, &post_only, "lose").await;
    execute(&simulator, "place - buy btc_twd 0.001 at 1000000");
    let Resolution::Placed(found) = lost.resolve().await else { panic!("not found") };
    assert_eq!(found.time_in_force, Some(TimeInForce::PostOnly));
}
