//! The methods of subscriptions and readers other than `next`.

use bitopro_client::engine::{Action, Engine};
use bitopro_client::model::{Balances, PrivateStream};
use bitopro_client::{
    Account, AccountItem, BuildError, Change, Changes, Client, ClientBuilder, Closed, CurrentAccount,
    DialLimiter, EnvironmentError, Error, ErrorKind, Item, Reader, StreamState, Subscription, WallClock,
};
use http::StatusCode;
use tokio::time::{Duration, sleep};

use crate::network::{balance, network};

#[test]
fn public_types_can_be_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<Client>();
    check::<ClientBuilder>();
    check::<Subscription<Account>>();
    check::<Subscription<Balances>>();
    check::<Reader<Account>>();
    check::<AccountItem>();
    check::<CurrentAccount>();
    check::<StreamState>();
    check::<Change>();
    check::<Changes>();
    check::<Engine>();
    check::<Action>();
    check::<DialLimiter>();
    check::<WallClock>();
    check::<Error>();
    check::<BuildError>();
    check::<EnvironmentError>();
}

#[tokio::test(start_paused = true)]
async fn an_account_is_ready_when_the_state_of_each_stream_is_fresh() {
    let (builder, mut server) = network();
    let account =
        builder.build().unwrap().subscribe(&[PrivateStream::AccountBalance, PrivateStream::UserTrades]);
    let exchange = tokio::spawn(async move {
        let mut balances = server.next_dial().await.unwrap().accept();
        let trades = server.next_dial().await.unwrap().accept();
        sleep(Duration::from_secs(1)).await;
        balances.send(balance(1)).await.unwrap();
        (balances, trades)
    });
    let start = tokio::time::Instant::now();
    account.ready().await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(account.current().balances.unwrap().state().len(), 1);
    drop(exchange.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn ready_fails_after_the_stream_has_ended() {
    let (builder, mut server) = network();
    let balances = builder.build().unwrap().balances();
    server.next_dial().await.unwrap().refuse(StatusCode::NOT_FOUND);
    assert_eq!(balances.ready().await.unwrap_err().kind(), ErrorKind::WrongPath);
    let (builder, _server) = network();
    let balances = builder.build().unwrap().balances();
    balances.request_close();
    assert_eq!(balances.ready().await.unwrap_err().kind(), ErrorKind::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_reader_observes_each_change_until_the_end() {
    let (builder, mut server) = network();
    let balances = builder.build().unwrap().balances();
    let mut reader = balances.reader();
    let watch = tokio::spawn(async move {
        let mut seen = Vec::new();
        while reader.changed().await {
            let current = reader.current();
            let is_fresh = current.as_ref().is_some_and(|current| !current.is_stale());
            seen.push((
                current.map(|current| current.state().get("TWD").unwrap().amount.to_string()),
                is_fresh,
            ));
        }
        seen
    });
    let mut peer = server.next_dial().await.unwrap().accept();
    for amount in [1, 2] {
        sleep(Duration::from_secs(1)).await;
        peer.send(balance(amount)).await.unwrap();
    }
    sleep(Duration::from_secs(1)).await;
    drop(balances);
    let at = |amount: &str, is_fresh| (Some(amount.to_owned()), is_fresh);
    assert_eq!(watch.await.unwrap(), [(None, false), at("1", true), at("2", true), at("2", false)]);
}

#[tokio::test(start_paused = true)]
async fn only_subscribed_streams_are_dialled_and_each_end_reports_its_reason() {
    let (builder, mut server) = network();
    let streams = [PrivateStream::UserTrades, PrivateStream::AccountBalance, PrivateStream::UserTrades];
    let mut account = builder.build().unwrap().subscribe(&streams);
    let mut peer = server.next_dial().await.unwrap().accept();
    server.next_dial().await.unwrap().refuse(StatusCode::NOT_FOUND);
    peer.send(balance(1)).await.unwrap();
    sleep(Duration::from_secs(20)).await;
    assert!(server.try_next_dial().is_none());
    let mut items = Vec::new();
    for _ in 0..3 {
        items.push(account.next().await.unwrap());
    }
    let end = items.iter().find_map(|item| match item {
        AccountItem { stream, item: Item::Closed(reason), .. } => Some((*stream, reason.clone())),
        _ => None,
    });
    assert_eq!(end.unwrap().0, PrivateStream::UserTrades);
    let shown: Vec<String> = items.iter().map(ToString::to_string).collect();
    assert!(
        shown.contains(&"account-balance: snapshot ACCOUNT_BALANCE at 1970-01-01T00:00:00.001Z".to_owned())
    );
    let close = tokio::spawn(account.close());
    peer.recv().await.unwrap();
    peer.close(1000, "").await.unwrap();
    let ends = close.await.unwrap();
    assert!(matches!(ends[&PrivateStream::AccountBalance.into()], Closed::Requested));
    assert!(
        matches!(&ends[&PrivateStream::UserTrades.into()], Closed::Failed(error) if error.kind() == ErrorKind::WrongPath)
    );
}
