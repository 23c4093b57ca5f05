use bitopro_client::rest::{CancelOrder, ErrorKind, PlaceOrder};
use bitopro_client::{OrderErrorKind, Outcome, RestErrorKind};
use bitopro_model::Decimal;

use super::{accepted, exchange, execute, open, order, unknown};

#[tokio::test(start_paused = true)]
async fn an_accepted_order_has_the_id_of_the_exchange() {
    let (simulator, client) = exchange();
    let Outcome::Accepted(accepted) = client.place(&order().with_client_id(7_u32)).await.unwrap() else {
        panic!("the outcome is unknown")
    };
    assert_eq!(open(&simulator), [accepted.id().clone()]);
    assert_eq!(accepted.reply().client_id, Some(7.into()));
    assert_eq!(*accepted.pair(), "btc_twd");
}

#[tokio::test(start_paused = true)]
async fn a_rejected_order_was_not_placed_and_has_the_words_of_the_exchange() {
    let (simulator, client) = exchange();
    let too_large = PlaceOrder::limit_buy("btc_twd", Decimal::from(90_000), Decimal::from(1_000_000));
    let error = client.place(&too_large).await.unwrap_err();
    assert_eq!(error.kind(), OrderErrorKind::Rejected(ErrorKind::NotEnoughBalance));
    assert!(error.to_string().contains("Balance for TWD not enough"), "{error}");
    assert!(open(&simulator).is_empty());

    execute(&simulator, "fail-rest 1 429");
    let error = client.place(&order()).await.unwrap_err();
    assert_eq!(error.kind(), OrderErrorKind::Rejected(ErrorKind::RateLimited));
    assert!(error.kind().is_transient() && open(&simulator).is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_invalid_order_is_not_sent() {
    let (_simulator, client) = exchange();
    let error = client.place(&order().with_client_id(0_u32)).await.unwrap_err();
    let invalid = RestErrorKind::Call(ErrorKind::InvalidCall);
    assert_eq!(error.kind(), OrderErrorKind::NotSent(invalid), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_order_without_a_complete_answer_has_an_unknown_outcome_and_is_sent_once() {
    for (fault, placed) in [("502", 0), ("504", 0), ("lose", 1), ("truncate", 1), ("delay 60000", 1)] {
        let (simulator, client) = exchange();
        let unknown = unknown(&simulator, &client, &order(), fault).await;
        assert!(unknown.error().kind().is_outcome_unknown(), "{fault}");
        assert_eq!(*unknown.order(), order());
        assert_eq!(open(&simulator).len(), placed, "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn orders_are_cancelled_one_by_one_by_pair_and_all() {
    let (simulator, client) = exchange();
    let first = accepted(&client, &order()).await;
    for _ in 0..2 {
        accepted(&client, &order()).await;
    }
    let cancel = CancelOrder::new("btc_twd", first.clone());
    let Outcome::Accepted(cancelled) = client.cancel(&cancel).await.unwrap() else { panic!("unknown") };
    assert_eq!(cancelled.order_id, first);
    let error = client.cancel(&cancel).await.unwrap_err();
    assert_eq!(error.kind(), OrderErrorKind::Rejected(ErrorKind::Rejected), "{error}");

    let remaining = open(&simulator);
    assert_eq!(remaining.len(), 2);
    let Outcome::Accepted(cancelled) = client.cancel_all_of("btc_twd").await.unwrap() else {
        panic!("unknown")
    };
    assert!(remaining.iter().all(|id| cancelled.contains(id.as_str())));
    accepted(&client, &order()).await;
    let Outcome::Accepted(cancelled) = client.cancel_all().await.unwrap() else { panic!("unknown") };
    assert!(!cancelled.is_empty() && simulator.open_orders().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_without_a_complete_answer_has_an_unknown_outcome() {
    let (simulator, client) = exchange();
    let cancel = CancelOrder::new("btc_twd", accepted(&client, &order()).await);
    execute(&simulator, "fail-rest 1 502");
    assert!(matches!(client.cancel(&cancel).await.unwrap(), Outcome::Unknown(_)));
    assert_eq!(open(&simulator).len(), 1);
    execute(&simulator, "fail-rest 1 lose");
    assert!(matches!(client.cancel_all().await.unwrap(), Outcome::Unknown(_)));
    assert!(open(&simulator).is_empty());
}
