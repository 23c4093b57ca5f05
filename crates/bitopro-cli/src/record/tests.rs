use std::future::pending;
use std::time::Duration;

use bitopro_client::model::{AccountBalance, Balance};
use bitopro_client::transport::memory;
use bitopro_client::{Client, ClientBuilder, Item};
use bitopro_sim::{Command, Simulator};
use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::capture::{RecordingLimits, capture};

fn at_most(updates: usize) -> RecordingLimits {
    RecordingLimits { updates, duration: Duration::from_secs(60) }
}

fn builder(simulator: &Simulator) -> ClientBuilder {
    Client::builder(simulator.credentials().to_credentials().unwrap()).with_endpoint(simulator.ws_url())
}

#[tokio::test(start_paused = true)]
async fn the_time_limit_ends_a_recording_with_fewer_updates() {
    let simulator = Simulator::builder().start_in_memory().unwrap();
    let observe = |item: &Item<AccountBalance>| {
        if let Item::Snapshot(_) = item {
            simulator
                .execute(&Command::text(None, r#"{"event":"MARGIN_BALANCE_INFO","data":{"owner":"Jane"}}"#))
                .unwrap();
            simulator.execute(&Command::text(None, "{")).unwrap();
            simulator.set_balance(Balance::new("BTC", 7.into()));
        }
    };
    let recording = capture(builder(&simulator), simulator.connector(), at_most(5), pending(), observe)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        recording.summary(at_most(5)),
        "recorded a snapshot and 1 of 5 updates within 60 s; left out 2 messages other than balances"
    );
    assert_eq!(recording.messages().count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_recording_continues_after_a_lost_connection() {
    let simulator = Simulator::builder().start_in_memory().unwrap();
    let mut snapshots = 0;
    let observe = |item: &Item<AccountBalance>| {
        if let Item::Snapshot(_) = item {
            snapshots += 1;
            match snapshots {
                1 => drop(simulator.execute(&Command::Disconnect(None)).unwrap()),
                _ => drop(simulator.set_balance(Balance::new("BTC", 7.into()))),
            }
        }
    };
    let recording = capture(builder(&simulator), simulator.connector(), at_most(1), pending(), observe)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(snapshots, 2);
    let events: Vec<_> = recording.messages().map(|text| AccountBalance::from_json(text).unwrap()).collect();
    assert_eq!(events.iter().map(|event| event.data.len()).collect::<Vec<_>>(), [12, 1]);
    let id = events[0].event_id.as_ref().unwrap();
    assert_eq!(recording.secrets().found_in(&format!("\"{id}\"")), Some("an event id"));
    let signed = format!("\"{}\"", simulator.credentials().api_key);
    assert_eq!(recording.secrets().found_in(&signed), Some("a header of the signed request"));
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_a_recording() {
    let simulator = Simulator::builder().start_in_memory().unwrap();
    let stop = tokio::time::sleep(Duration::from_secs(7));
    let recording =
        capture(builder(&simulator), simulator.connector(), at_most(1), stop, |_| {}).await.unwrap().unwrap();
    assert_eq!(recording.summary(at_most(1)), "recorded a snapshot and 0 of 1 update before it was stopped");
}

#[tokio::test(start_paused = true)]
async fn a_recording_without_a_snapshot_is_an_error() {
    let simulator = Simulator::builder().start_in_memory().unwrap();
    let no_time = RecordingLimits { updates: 1, duration: Duration::ZERO };
    let recording = capture(builder(&simulator), simulator.connector(), no_time, pending(), |_| {}).await;
    let failure = format!("{:?}", recording.err().unwrap());
    assert!(
        failure.contains("no snapshot arrived before the recording ended; `--seconds` is 0"),
        "{failure}"
    );
}

#[tokio::test(start_paused = true)]
async fn fault_56_a_signal_ends_a_recording_within_a_second_although_no_server_answers() {
    let (connector, mut server) = memory::network();
    let simulator = Simulator::builder().start_in_memory().unwrap();
    let (signal, signalled) = oneshot::channel();
    let stop = signalled.map(Result::unwrap);
    let recording = tokio::spawn(capture(builder(&simulator), connector, at_most(1), stop, |_| {}));
    let _silent = server.next_dial().await.unwrap().accept();
    let start = Instant::now();
    signal.send(()).unwrap();
    assert!(recording.await.unwrap().unwrap().is_none());
    assert!(start.elapsed() <= Duration::from_secs(1), "{:?}", start.elapsed());
}
