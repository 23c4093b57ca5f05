use std::collections::BTreeSet;
use std::time::Duration;

use bitopro_client::transport::Refusal;
use bitopro_client::{AccountItem, Client, Closed, Credentials, ErrorKind, Item};
use bitopro_sim::{Simulator, refusal};
use http::StatusCode;
use tokio::time::sleep;

use super::exchange::{Exchange, failure, read};

const HOUR: Duration = Duration::from_secs(3600);

fn with_a_wrong_secret(exchange: &Exchange) -> Client {
    let right = exchange.simulator.credentials();
    let wrong = Credentials::new(right.api_key.as_str(), "wrong", right.email.as_str()).unwrap();
    let client = Client::builder(wrong)
        .with_endpoint(exchange.simulator.ws_url())
        .with_connector(exchange.network.clone());
    client.build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn fault_16_a_wrong_secret_is_tried_twice_and_never_again() {
    let exchange = Exchange::start(Simulator::builder());
    let client = with_a_wrong_secret(&exchange);
    let mut balances = client.balances();
    let error = failure(&read(&mut balances, HOUR).await);
    assert!(error.kind() == ErrorKind::Unauthorized && error.kind().is_auth());
    sleep(HOUR).await;
    assert_eq!(exchange.simulator.upgrade_attempts().len(), 2);
}

/// The four streams make two dials together, and a second subscription makes two more.
#[tokio::test(start_paused = true)]
async fn fault_16_a_wrong_secret_is_tried_twice_for_all_streams_together() {
    let exchange = Exchange::start(Simulator::builder());
    let client = with_a_wrong_secret(&exchange);
    for dials in [2, 4] {
        let mut account = client.account();
        let items = read(&mut account, HOUR).await;
        let closed = |item: &AccountItem| match item {
            AccountItem { item: Item::Closed(closed), .. } => Some(closed.clone()),
            _ => None,
        };
        let ends: Vec<_> = items.iter().filter_map(closed).collect();
        assert_eq!(ends.len(), 4);
        let is_auth = |end: &Closed| matches!(end, Closed::Failed(error) if error.kind().is_auth());
        assert!(ends.iter().all(is_auth), "{ends:?}");
        assert_eq!(exchange.simulator.upgrade_attempts().len(), dials);
    }
}

#[tokio::test(start_paused = true)]
async fn fault_17_an_account_recovers_if_its_key_is_accepted_on_the_second_dial() {
    let exchange = Exchange::start(Simulator::builder());
    exchange.simulator.refuse_next(1, refusal::unauthorized());
    let mut account = exchange.client().build().unwrap().account();
    read(&mut account, Duration::from_secs(60)).await;
    exchange.assert_account_matches(&account);
}

#[tokio::test(start_paused = true)]
async fn fault_18_final_refusals_have_distinct_error_kinds() {
    let mut kinds = BTreeSet::new();
    for (status, expected, dials) in [
        (StatusCode::BAD_REQUEST, ErrorKind::BadRequest, 1),
        (StatusCode::NOT_FOUND, ErrorKind::WrongPath, 1),
        // Retried like a 401, since the permission may just have been granted.
        (StatusCode::FORBIDDEN, ErrorKind::Forbidden, 2),
    ] {
        let exchange = Exchange::start(Simulator::builder());
        exchange.simulator.refuse_next(1_000, Refusal::new(status));
        let mut balances = exchange.balances();
        let kind = failure(&read(&mut balances, HOUR).await).kind();
        assert_eq!(kind, expected);
        kinds.insert(format!("{kind:?}"));
        sleep(HOUR).await;
        assert_eq!(exchange.simulator.upgrade_attempts().len(), dials, "{status}");
    }
    assert_eq!(kinds.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn fault_19_a_200_without_a_body_is_an_error_that_names_the_path() {
    let exchange = Exchange::start(Simulator::builder());
    let client = exchange.client().with_endpoint("wss://simulator.invalid/ws/other");
    let error = failure(&read(&mut client.build().unwrap().balances(), HOUR).await);
    assert_eq!(error.kind(), ErrorKind::WrongPath);
    assert!(error.to_string().contains(" /ws/other/v1/pub/auth/account-balance"), "{error}");
    let dials = exchange.simulator.upgrade_attempts();
    assert_eq!((dials.len(), dials[0].status), (1, StatusCode::OK));
}
