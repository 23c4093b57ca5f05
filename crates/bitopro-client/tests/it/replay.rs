//! Records a session with the simulator and replays it byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;

use bitopro_client::model::{PrivateStream, Timestamp};
use bitopro_client::transport::recording::{Recorder, RecordingConnector};
use bitopro_client::transport::replay::Replay;
use bitopro_client::transport::{Connector, memory};
use bitopro_client::{Account, AccountItem, Client, Credentials, Item, Subscription, WallClock};
use bitopro_sim::{Clock, Command, Simulator};
use tokio::time::timeout;

use crate::network::SharedBuffer;

/// Returns an account over a recording connector and the buffer that receives the recording.
fn account(
    connector: impl Connector + 'static,
    credentials: Credentials,
    url: &str,
) -> (Subscription<Account>, SharedBuffer) {
    let buffer = SharedBuffer::default();
    let wall = Clock::following_tokio(Timestamp::from_millis(1_767_225_600_000));
    let client = Client::builder(credentials)
        .with_endpoint(url)
        .with_connector(RecordingConnector::new(connector, Recorder::new(buffer.clone())))
        .with_wall_clock(WallClock::new(move || wall.now().to_system_time().unwrap()))
        .with_seed(7);
    (client.build().unwrap().account(), buffer)
}

/// The items of each stream. Items of different streams that arrive at the same moment have no defined order.
#[derive(Debug, Default, PartialEq)]
struct ItemsByStream(BTreeMap<PrivateStream, Vec<String>>);

impl ItemsByStream {
    fn push(&mut self, item: &AccountItem) {
        self.0.entry(item.stream).or_default().push(summary(&item.item));
    }

    fn count(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }
}

/// Returns the text of an item, without the error of a lost connection, which depends on the transport.
fn summary<E: Debug>(item: &Item<E>) -> String {
    match item {
        Item::Disconnected(disconnected) => format!("disconnected, {:?}", disconnected.retry_in),
        other => format!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_recorded_session_replays_byte_for_byte() {
    let clock = Clock::following_tokio(Timestamp::from_millis(1_767_225_600_000));
    let simulator = Simulator::builder().with_seed(7).with_clock(clock).start_in_memory().unwrap();
    let credentials = simulator.credentials().to_credentials().unwrap();
    let url = simulator.ws_url().to_string();
    let (mut recorded, buffer) = account(simulator.connector(), credentials.clone(), &url);
    let mut before = ItemsByStream::default();
    for step in 0..200 {
        while let Ok(Some(item)) = timeout(Duration::from_secs(1), recorded.next()).await {
            before.push(&item);
        }
        simulator.tick();
        if step % 50 == 49 {
            simulator.execute(&Command::Disconnect(None)).unwrap();
        }
    }
    while let Ok(Some(item)) = timeout(Duration::from_secs(60), recorded.next()).await {
        before.push(&item);
    }
    let recording = buffer.text();
    assert!(recording.lines().count() > 400, "{}", recording.lines().count());

    let (connector, mut server) = memory::network();
    let replay = Replay::read(recording.as_bytes()).unwrap();
    let play = tokio::spawn(async move { replay.play(&mut server).await });
    let (mut replayed, again) = account(connector, credentials, &url);
    let mut after = ItemsByStream::default();
    while after.count() < before.count() {
        after.push(&replayed.next().await.unwrap());
    }
    let _open = play.await.unwrap().unwrap();
    assert_eq!(after, before);
    let received = |recording: &str| -> BTreeSet<String> {
        recording.lines().filter(|line| line.contains("\"received\"")).map(str::to_owned).collect()
    };
    assert_eq!(received(&again.text()), received(&recording), "the replay differs from the recording");
}

#[test]
fn an_invalid_line_is_reported_with_its_number() {
    let error = Replay::read(&b"{\"at_ms\":0,\"dial\":1,\"opened\":null}\n{}\n"[..]).unwrap_err();
    assert!(error.to_string().starts_with("line 2: "), "{error}");
}
