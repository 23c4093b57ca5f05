//! The recorded sessions in `fixtures/sessions` replay byte for byte, and every replay delivers the same
//! items.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use bitopro_client::model::{Message, PrivateStream, Timestamp};
use bitopro_client::transport::memory;
use bitopro_client::transport::recording::{Record, RecordedEvent, Recorder, RecordingConnector};
use bitopro_client::transport::replay::Replay;
use bitopro_client::{AccountItem, Client, Credentials, Item, WallClock};
use bitopro_sim::Clock;
use tokio::time::timeout;

use crate::network::SharedBuffer;

/// The seed of the recorded client. With the same seed, the dials happen at the recorded times.
const SEED: u64 = 7;
/// The time at which every session starts, from which the edges of gaps are derived.
const START: Timestamp = Timestamp::from_millis(1_795_312_800_000);

type Line = (PrivateStream, String);

struct Session {
    name: String,
    recording: String,
}

/// Returns every recorded session.
fn sessions() -> Vec<Session> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/sessions"));
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let session = |path: PathBuf| Session {
        name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
        recording: fs::read_to_string(path).unwrap(),
    };
    paths.into_iter().map(session).collect()
}

impl Session {
    fn records(&self) -> Vec<Record> {
        self.recording.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// Returns the base endpoint, and the streams that were dialled.
    fn dialled(&self) -> (String, Vec<PrivateStream>) {
        let mut base = String::new();
        let mut streams = Vec::new();
        for record in self.records() {
            let RecordedEvent::Dialed(url) = record.event else { continue };
            // Selects the longest match, since one path is a prefix of another.
            let paths = PrivateStream::ALL.iter().filter(|stream| url.ends_with(stream.path()));
            let stream = *paths.max_by_key(|stream| stream.path().len()).expect(&url);
            url.strip_suffix(stream.path()).unwrap().clone_into(&mut base);
            streams.push(stream);
        }
        streams.sort();
        streams.dedup();
        (base, streams)
    }

    /// Replays the session to a client and returns the client's items and a recording of the replay.
    async fn play(&self) -> (Vec<Line>, String) {
        let (connector, mut server) = memory::network();
        let replay = Replay::read(self.recording.as_bytes()).unwrap();
        let (base, streams) = self.dialled();
        let (buffer, wall) = (SharedBuffer::default(), Clock::following_tokio(START));
        let client = Client::builder(Credentials::new("key", "secret", "me@example.com").unwrap())
            .with_endpoint(base)
            .with_connector(RecordingConnector::new(connector, Recorder::new(buffer.clone())))
            .with_wall_clock(WallClock::new(move || wall.now().to_system_time().unwrap()))
            .with_seed(SEED)
            .build()
            .unwrap();
        let mut items = client.subscribe(&streams);
        let mut lines = Vec::new();
        let mut play = Box::pin(replay.play(&mut server));
        let _open = loop {
            tokio::select! {
                biased;
                open = &mut play => break open.unwrap(),
                item = items.next() => lines.push(line(&item.unwrap())),
            }
        };
        while let Ok(Some(item)) = timeout(Duration::from_secs(1), items.next()).await {
            lines.push(line(&item));
        }
        (lines, buffer.text())
    }
}

/// Returns the text of an item, with its data as JSON.
fn line(AccountItem { stream, item, .. }: &AccountItem) -> Line {
    let json = |message: &Message| serde_json::to_string(message).unwrap();
    let text = match item {
        Item::Connected(connected) => format!("connection {}", connected.number),
        Item::Snapshot(message) => format!("snapshot {}", json(message)),
        Item::Update(message) => format!("update {}", json(message)),
        Item::Gap(gap) => format!("gap: {gap}"),
        Item::Malformed(malformed) => format!("malformed: {}", malformed.reason),
        Item::Unknown(unknown) => format!("unknown {}", unknown.raw()),
        Item::Disconnected(lost) => format!("disconnected, retry in {:?}: {}", lost.retry_in, lost.error),
        other => format!("{other:?}"),
    };
    (*stream, text)
}

/// Groups the lines of a recording by connection, and keeps their order within each connection.
fn by_dial(recording: &str) -> BTreeMap<u64, Vec<String>> {
    let mut dials: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for line in recording.lines() {
        let record: Record = serde_json::from_str(line).unwrap();
        dials.entry(record.dial).or_default().push(line.to_owned());
    }
    dials
}

#[tokio::test(start_paused = true)]
async fn every_recorded_session_replays_with_the_same_bytes_at_the_same_times() {
    let sessions = sessions();
    assert!(sessions.len() >= 3);
    for session in sessions {
        let (items, replayed) = session.play().await;
        assert_eq!(by_dial(&replayed), by_dial(&session.recording), "{}", session.name);
        // Items of different streams that arrive at the same moment have no defined order.
        let mut lines = String::new();
        for stream in PrivateStream::ALL {
            for (_, item) in items.iter().filter(|(of, _)| of == stream) {
                writeln!(lines, "{stream}: {item}").unwrap();
            }
        }
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(format!("session__{}", session.name), lines);
        });
    }
}
