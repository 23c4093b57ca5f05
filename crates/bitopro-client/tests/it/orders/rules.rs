use std::time::Duration;

use bitopro_client::rest::PlaceOrder;
use bitopro_client::{OrderErrorKind, OrderRule, RestErrorKind};
use bitopro_model::Decimal;
use tokio::time::sleep;

use super::{accepted, exchange, execute, open, order};

#[tokio::test(start_paused = true)]
async fn an_order_that_breaks_rules_is_not_sent_and_the_error_names_the_nearest_valid_values() {
    let (simulator, client) = exchange();
    let wrong = PlaceOrder::limit_buy("btc_twd", Decimal::new(1, 5), Decimal::new(10_000_006, 1));
    let error = client.place(&wrong).await.unwrap_err();
    let OrderErrorKind::BrokenRule(broken) = error.kind() else { panic!("{error}") };
    assert_eq!(broken.rule, OrderRule::MinAmount(Decimal::new(1, 4)));
    assert_eq!(broken.nearest, Some(Decimal::new(1, 4)));
    insta::assert_snapshot!(error, @"the order for btc_twd was not sent: the amount 0.00001 is below the minimum of 0.0001; the nearest valid amount is 0.0001; and the price 1000000.6 has more than 0 decimal places; the nearest valid price is 1000001");
    assert!(open(&simulator).is_empty());

    let error = client.place(&PlaceOrder::market_sell("btc_usd", Decimal::ONE)).await.unwrap_err();
    assert!(
        matches!(error.kind(), OrderErrorKind::BrokenRule(broken) if broken.rule == OrderRule::KnownPair)
    );
    insta::assert_snapshot!(error, @"the order for btc_usd was not sent: the exchange does not list the pair; `Client::trading_pairs` lists the pairs");
}

#[tokio::test(start_paused = true)]
async fn the_rules_are_read_once_an_hour_and_the_known_ones_are_used_if_they_cannot_be_read() {
    let (simulator, client) = exchange();
    execute(&simulator, "fail-rest 3 502");
    let error = client.place(&order()).await.unwrap_err();
    assert!(matches!(error.kind(), OrderErrorKind::NotSent(RestErrorKind::Call(_))), "{error}");
    assert!(error.to_string().contains("the rules of the pair cannot be read"), "{error}");

    let first = client.trading_pairs().await.unwrap();
    accepted(&client, &order()).await;
    sleep(Duration::from_secs(3_590)).await;
    let second = client.trading_pairs().await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&first, &second));
    sleep(Duration::from_secs(10)).await;
    execute(&simulator, "fail-rest 3 502");
    accepted(&client, &order()).await;
    let third = client.clone().trading_pairs().await.unwrap();
    assert!(!std::sync::Arc::ptr_eq(&first, &third));
    assert!(!std::sync::Arc::ptr_eq(&third, &client.refresh_trading_pairs().await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_breaks_a_rule_is_checked_against_rules_of_the_last_minute() {
    let (_simulator, client) = exchange();
    let known = client.trading_pairs().await.unwrap();
    let wrong = PlaceOrder::limit_buy("btc_twd", Decimal::new(1, 5), Decimal::ONE);
    for (seconds, same) in [(59, true), (1, false)] {
        sleep(Duration::from_secs(seconds)).await;
        assert!(matches!(client.place(&wrong).await.unwrap_err().kind(), OrderErrorKind::BrokenRule(_)));
        assert_eq!(std::sync::Arc::ptr_eq(&known, &client.trading_pairs().await.unwrap()), same);
    }
}
