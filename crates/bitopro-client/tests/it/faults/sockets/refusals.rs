//! Refused upgrades over real connections. The tests do not wait, since each item reports the delay.

use std::net::TcpListener;
use std::time::Duration;

use bitopro_client::model::Balances;
use bitopro_client::transport::Refusal;
use bitopro_client::{Disconnected, ErrorKind, Item, Subscription};
use bitopro_sim::{Simulator, refusal};
use bytes::Bytes;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use super::rig::{assert_matches_simulator, assert_nonces_increase, client, final_error, transport_error};

const SECOND: Duration = Duration::from_secs(1);

/// Starts a simulator that refuses this many dials, and a client of it.
async fn refusing_simulator(count: usize, refusal: Refusal) -> (Simulator, Subscription<Balances>) {
    let simulator = Simulator::builder().start().await.unwrap();
    simulator.refuse_next(count, refusal);
    let balances = client(&simulator, simulator.ws_url()).build().unwrap().balances();
    (simulator, balances)
}

async fn disconnected(balances: &mut Subscription<Balances>) -> Disconnected {
    match balances.next().await {
        Some(Item::Disconnected(disconnected)) => *disconnected,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

async fn assert_connects(balances: &mut Subscription<Balances>, simulator: &Simulator) {
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    let Some(Item::Snapshot(event)) = balances.next().await else { panic!("no snapshot") };
    assert_matches_simulator(&event, simulator);
    assert_nonces_increase(simulator);
}

#[tokio::test]
async fn fault_15_a_requested_delay_is_respected() {
    let hour = 3600 * SECOND;
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (retry_after, expected) in [
        (Some("7"), 7 * SECOND),
        (Some("Sun, 06 Nov 1994 08:50:37 GMT"), 60 * SECOND),
        (Some("99999999999999999999"), hour),
        (Some("0"), Duration::ZERO),
        (Some("soon"), 5 * SECOND),
        (None, 5 * SECOND),
    ] {
        let mut refusal = refusal::too_many_requests(None);
        refusal.headers.insert("date", HeaderValue::from_static(date));
        refusal.headers.extend(retry_after.map(|value| (RETRY_AFTER, HeaderValue::from_static(value))));
        let (simulator, mut balances) = refusing_simulator(1, refusal).await;
        let Disconnected { error, retry_in, .. } = disconnected(&mut balances).await;
        assert!(matches!(error.kind(), ErrorKind::RateLimited { .. }), "{retry_after:?}: {error:?}");
        assert!((expected..expected + SECOND).contains(&retry_in), "{retry_after:?}: {retry_in:?}");
        if expected.is_zero() {
            assert_connects(&mut balances, &simulator).await;
        } else {
            assert_eq!(simulator.upgrade_attempts().len(), 1);
        }
    }
}

#[tokio::test]
async fn fault_16_a_key_that_is_refused_twice_is_never_tried_again() {
    let (simulator, mut balances) = refusing_simulator(usize::MAX, refusal::unauthorized()).await;
    let error = final_error(&mut balances).await;
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.kind().is_auth());
    assert_eq!(simulator.upgrade_attempts().len(), 2);
    // Waits until every task that could dial has ended.
    let simulator_tasks = 1;
    while tokio::runtime::Handle::current().metrics().num_alive_tasks() > simulator_tasks {
        tokio::task::yield_now().await;
    }
    assert_eq!(simulator.upgrade_attempts().len(), 2);
}

#[tokio::test]
async fn fault_17_a_key_that_is_refused_once_recovers() {
    let (simulator, mut balances) = refusing_simulator(1, refusal::unauthorized()).await;
    assert_eq!(disconnected(&mut balances).await.error.kind(), ErrorKind::Unauthorized);
    assert_connects(&mut balances, &simulator).await;
    assert_eq!(simulator.upgrade_attempts().len(), 2);
}

#[tokio::test]
async fn fault_18_each_final_refusal_has_its_own_error_kind() {
    for (status, kind, dials) in [
        (StatusCode::FORBIDDEN, ErrorKind::Forbidden, 2),
        (StatusCode::NOT_FOUND, ErrorKind::WrongPath, 1),
        (StatusCode::BAD_REQUEST, ErrorKind::BadRequest, 1),
    ] {
        let (simulator, mut balances) = refusing_simulator(usize::MAX, Refusal::new(status)).await;
        assert_eq!(final_error(&mut balances).await.kind(), kind);
        assert_eq!(simulator.upgrade_attempts().len(), dials, "{status}");
    }
}

#[tokio::test]
async fn fault_19_the_error_of_an_empty_200_names_the_unknown_path() {
    let simulator = Simulator::builder().start().await.unwrap();
    let elsewhere = format!("ws://{}/elsewhere", simulator.addr().unwrap());
    let mut balances = client(&simulator, elsewhere).build().unwrap().balances();
    let error = final_error(&mut balances).await;
    assert_eq!(error.kind(), ErrorKind::WrongPath);
    assert!(error.to_string().contains("/elsewhere/v1/pub/auth/account-balance"), "{error}");
    assert_eq!(simulator.upgrade_attempts().len(), 1);
}

#[tokio::test]
async fn fault_20_a_page_of_5_mb_is_not_read_and_the_dial_is_retried() {
    for status in [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE] {
        let mut page = Refusal::new(status);
        page.body = Bytes::from(b"<html>".repeat(1_000_000));
        let (simulator, mut balances) = refusing_simulator(1, page).await;
        let error = disconnected(&mut balances).await.error;
        assert_eq!(error.kind(), ErrorKind::Unavailable { retry_after: None });
        assert_eq!(transport_error(&error).refusal().unwrap().body.len(), Refusal::BODY_LIMIT);
        assert_connects(&mut balances, &simulator).await;
    }
}

#[tokio::test]
async fn fault_41_a_redirect_is_an_error_and_is_not_followed() {
    let elsewhere = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let to = format!("ws://{}/ws", elsewhere.local_addr().unwrap());
    for status in [301, 302, 307, 308] {
        let mut redirect = Refusal::new(StatusCode::from_u16(status).unwrap());
        redirect.headers.insert(LOCATION, to.parse().unwrap());
        let (simulator, mut balances) = refusing_simulator(usize::MAX, redirect).await;
        assert_eq!(final_error(&mut balances).await.kind(), ErrorKind::Redirected);
        assert_eq!(simulator.upgrade_attempts().len(), 1);
    }
    // If a client had connected to this listener, `accept` would succeed.
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
