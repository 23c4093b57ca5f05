//! The numbers of a client, over the memory transport.

use std::collections::BTreeMap;
use std::time::Duration;

use bitopro_client::model::{Balances, PrivateStream, Stream};
use bitopro_client::transport::Frame;
use bitopro_client::transport::memory::Peer;
use bitopro_client::{Client, Item, StreamStats, Subscription};
use tokio::time::{advance, sleep};

use crate::network::{balance, network};

fn balances_of(client: &Client) -> StreamStats {
    client.stats().streams.remove(&Stream::from(PrivateStream::AccountBalance)).unwrap()
}

/// Reads items until one whose name in the debug output is this one.
async fn read_until(balances: &mut Subscription<Balances>, name: &str) {
    loop {
        let item = balances.next().await.unwrap();
        if format!("{item:?}").starts_with(name) {
            return;
        }
    }
}

async fn send(peer: &mut Peer, frames: impl IntoIterator<Item = Frame>) {
    for frame in frames {
        peer.send(frame).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_counters_count_what_has_happened_and_survive_the_subscription() {
    let (builder, mut server) = network();
    let client = builder.build().unwrap();
    assert!(client.stats().streams.is_empty());
    let mut balances = client.balances();
    let mut peer = server.next_dial().await.unwrap().accept();
    let unknown = Frame::text(r#"{"event":"MAINTENANCE"}"#);
    let Frame::Text(text) = balance(1) else { unreachable!() };
    let frames = [balance(1), balance(2), Frame::Ping(vec![7].into()), unknown, Frame::text("{")];
    send(&mut peer, frames).await;
    read_until(&mut balances, "Malformed").await;
    advance(Duration::from_secs(3)).await;

    let stats = balances_of(&client);
    let counters = &stats.counters;
    assert_eq!((counters.dials, counters.connections), (1, 1));
    assert_eq!((counters.snapshots, counters.updates, counters.pings), (1, 1, 1));
    assert_eq!((counters.unknown, counters.malformed), (1, 1));
    assert_eq!(counters.bytes, u64::try_from(2 * text.len() + 24).unwrap());
    assert_eq!(
        (stats.subscriptions, stats.connected, stats.fresh),
        (1, 1, 0),
        "stale after the malformed message"
    );
    assert_eq!(
        (stats.data_age, stats.frame_age),
        (Some(Duration::from_secs(3)), Some(Duration::from_secs(3)))
    );

    drop(peer);
    let mut peer = server.next_dial().await.unwrap().accept();
    send(&mut peer, [balance(3)]).await;
    read_until(&mut balances, "Snapshot").await;
    let stats = balances_of(&client);
    assert_eq!((stats.counters.dials, stats.counters.connections, stats.counters.gaps), (2, 2, 1));
    assert_eq!(stats.counters.failures, BTreeMap::from([("network", 1)]));
    assert_eq!((stats.fresh, stats.data_age), (1, Some(Duration::ZERO)));

    drop(balances);
    sleep(Duration::from_millis(1)).await;
    let ended = balances_of(&client);
    assert_eq!((ended.subscriptions, ended.connected, ended.fresh, ended.data_age), (0, 0, 0, None));
    assert_eq!((ended.counters.updates, &ended.counters.failures), (1, &BTreeMap::from([("network", 1)])));
    let again = client.balances();
    server.next_dial().await.unwrap().accept();
    assert_eq!(balances_of(&client).counters.dials, 3, "the counters continue");
    drop(again);
}

#[tokio::test(start_paused = true)]
async fn merged_items_and_the_queue_are_counted() {
    let (builder, mut server) = network();
    let client = builder.build().unwrap();
    let mut balances = client.balances();
    let mut peer = server.next_dial().await.unwrap().accept();
    send(&mut peer, (1..2_000).map(balance)).await;
    send(&mut peer, [Frame::Ping(vec![7].into())]).await;
    peer.recv().await;
    let stats = balances_of(&client);
    // The connection and 1,023 messages wait, and the others are merged.
    assert_eq!((stats.queued, stats.counters.merged, stats.counters.gaps), (1_025, 976, 0));
    assert!(stats.queued_bytes > 1_023 * 50, "{}", stats.queued_bytes);
    read_until(&mut balances, "Gap").await;
    assert!(matches!(balances.next().await, Some(Item::Snapshot(_))));
    let stats = balances_of(&client);
    assert_eq!((stats.queued, stats.queued_bytes, stats.counters.gaps), (0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn the_text_for_prometheus_has_every_metric() {
    let (builder, mut server) = network();
    let client = builder.build().unwrap();
    let mut balances = client.balances();
    drop(server.next_dial().await.unwrap().accept());
    let mut peer = server.next_dial().await.unwrap().accept();
    send(&mut peer, [balance(1)]).await;
    read_until(&mut balances, "Snapshot").await;
    advance(Duration::from_millis(1_500)).await;
    insta::assert_snapshot!(client.stats().to_prometheus());
}

#[cfg(feature = "metrics")]
#[tokio::test(start_paused = true)]
async fn the_recorder_of_metrics_gets_the_same_values() {
    use metrics_util::MetricKind;
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    let (builder, mut server) = network();
    let client = builder.build().unwrap();
    let mut balances = client.balances();
    let mut peer = server.next_dial().await.unwrap().accept();
    send(&mut peer, [balance(1)]).await;
    read_until(&mut balances, "Snapshot").await;
    advance(Duration::from_millis(1_500)).await;
    let recorder = DebuggingRecorder::new();
    let stats = client.stats();
    metrics::with_local_recorder(&recorder, || stats.record_metrics());
    metrics::with_local_recorder(&recorder, || stats.record_metrics());
    let recorded = recorder.snapshotter().snapshot().into_vec();
    assert_eq!(recorded.len(), stats.metrics().len());
    let value = |kind, name: &str| {
        let found = recorded.iter().find(|(key, ..)| key.kind() == kind && key.key().name() == name);
        let (key, .., value) = found.unwrap();
        let labels: Vec<_> = key.key().labels().map(|label| (label.key(), label.value())).collect();
        assert_eq!(labels, [("stream", "account-balance")]);
        value
    };
    assert_eq!(value(MetricKind::Counter, "bitopro_snapshots_total"), &DebugValue::Counter(1));
    assert_eq!(value(MetricKind::Gauge, "bitopro_connected"), &DebugValue::Gauge(1.0.into()));
    assert_eq!(value(MetricKind::Gauge, "bitopro_data_age_seconds"), &DebugValue::Gauge(1.5.into()));
}
