use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bitopro_transport::memory::{self, Peer};
use bitopro_transport::recording::{Record, RecordedEvent, RecordedFrame, Recorder, RecordingConnector};
use bitopro_transport::replay::Replay;
use bitopro_transport::{Connection, Connector, Error, ErrorKind, Frame, Request};
use futures_util::StreamExt;
use http::StatusCode;

#[derive(Clone, Default)]
pub(crate) struct SharedBuffer(Arc<Mutex<Vec<u8>>>);

impl Write for SharedBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SharedBuffer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn request() -> Request {
    Request::new("wss://me:s3cret@example.test/ws?token=s3cret".parse().unwrap())
        .with_header("X-BITOPRO-SIGNATURE", "s3cret")
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn frames_are_recorded_as_json_lines_without_headers() {
    let written = SharedBuffer::default();
    let recorder = Recorder::new(written.clone());
    let (connector, mut server) = memory::network();
    let connector = RecordingConnector::new(connector, recorder.clone());

    let (refused, ()) = tokio::join!(connector.connect(request()), async {
        server.next_dial().await.unwrap().refuse(StatusCode::UNAUTHORIZED);
    });
    assert!(refused.is_err());
    let (connection, mut peer) =
        tokio::join!(connector.connect(request()), async { server.next_dial().await.unwrap().accept() });
    let mut connection = connection.unwrap();
    tokio::time::advance(std::time::Duration::from_millis(20)).await;
    peer.send(Frame::text("{\"a\":1.10}")).await.unwrap();
    peer.send(Frame::Ping(vec![0xff].into())).await.unwrap();
    connection.next().await.unwrap().unwrap();
    connection.next().await.unwrap().unwrap();
    connection.send(Frame::close(1000, "done")).await.unwrap();
    drop(peer);
    assert!(connection.next().await.unwrap().is_err());
    recorder.finish().unwrap();

    assert_eq!(
        written.text(),
        [
            r#"{"at_ms":0,"dial":1,"dialed":"wss://example.test/ws"}"#,
            r#"{"at_ms":0,"dial":1,"refused":401}"#,
            r#"{"at_ms":0,"dial":2,"dialed":"wss://example.test/ws"}"#,
            r#"{"at_ms":0,"dial":2,"opened":null}"#,
            r#"{"at_ms":20,"dial":2,"received":{"text":"{\"a\":1.10}"}}"#,
            r#"{"at_ms":20,"dial":2,"received":{"ping":"ff"}}"#,
            r#"{"at_ms":20,"dial":2,"sent":{"close":[1000,"done"]}}"#,
            r#"{"at_ms":20,"dial":2,"failed":"no close frame was received"}"#,
            "",
        ]
        .join("\n")
    );
}

#[test]
fn a_record_is_deserialized_from_its_line() {
    let line = r#"{"at_ms":7,"dial":3,"received":{"text":"{}"}}"#;
    let record: Record = serde_json::from_str(line).unwrap();
    assert_eq!(record.event, RecordedEvent::Received(RecordedFrame::Text("{}".to_owned())));
    assert_eq!(serde_json::to_string(&record).unwrap(), line);
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_could_not_be_sent_is_recorded_as_a_failure() {
    let written = SharedBuffer::default();
    let recorder = Recorder::new(written.clone());
    let (mut connection, peer) = connected(&recorder).await;
    drop(peer);
    connection.send(Frame::text("hello")).await.unwrap_err();
    recorder.finish().unwrap();
    let text = written.text();
    assert_eq!(
        text.lines().last(),
        Some(r#"{"at_ms":0,"dial":1,"failed":"the connection is already closed"}"#),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_failed_is_recorded_as_a_failure() {
    let written = SharedBuffer::default();
    let recorder = Recorder::new(written.clone());
    let (connector, server) = memory::network();
    drop(server);
    assert!(RecordingConnector::new(connector, recorder).connect(request()).await.is_err());
    let text = written.text();
    let failed = r#"{"at_ms":0,"dial":1,"failed":"the memory server was dropped"}"#;
    assert_eq!(text.lines().last(), Some(failed), "{text}");
}

async fn connected(recorder: &Recorder) -> (Box<dyn Connection>, Peer) {
    let (connector, mut server) = memory::network();
    let connector = RecordingConnector::new(connector, recorder.clone());
    let (connection, peer) =
        tokio::join!(connector.connect(request()), async { server.next_dial().await.unwrap().accept() });
    (connection.unwrap(), peer)
}

/// A writer that fails once, after `capacity` bytes.
struct FailsOnce {
    capacity: usize,
    failed: bool,
    written: SharedBuffer,
}

impl FailsOnce {
    fn after(capacity: usize, written: &SharedBuffer) -> Self {
        Self { capacity, failed: false, written: written.clone() }
    }
}

impl Write for FailsOnce {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.failed && self.written.text().len() >= self.capacity {
            self.failed = true;
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space"));
        }
        self.written.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_recording_stops_and_the_connection_continues() {
    let written = SharedBuffer::default();
    let recorder = Recorder::new(FailsOnce::after(100, &written));
    let (mut connection, mut peer) = connected(&recorder).await;
    for _ in 0..10 {
        peer.send(Frame::text("hello")).await.unwrap();
        assert_eq!(connection.next().await.unwrap().unwrap(), Frame::text("hello"));
    }
    let text = written.text();
    assert!(text.len() < 200, "recording continued after the failure: {text}");

    let error = recorder.finish().unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (io::ErrorKind::StorageFull, "no space"));
    for _ in 0..2 {
        connection.send(Frame::text("hello")).await.unwrap();
        let error = recorder.finish().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(error.to_string(), "the recording failed earlier; nothing has been recorded since");
    }
    assert_eq!(written.text(), text, "recording resumed after the failure");
}

#[tokio::test(start_paused = true)]
async fn a_failed_flush_fails_the_recording() {
    struct NoFlush(SharedBuffer);
    impl Write for NoFlush {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
    let written = SharedBuffer::default();
    let recorder = Recorder::new(NoFlush(written.clone()));
    let (mut connection, _peer) = connected(&recorder).await;
    assert_eq!(recorder.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
    let text = written.text();
    connection.send(Frame::text("hello")).await.unwrap();
    assert_eq!(written.text(), text);
    assert_eq!(recorder.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[test]
fn every_kind_of_frame_is_recorded() {
    for (frame, line) in [
        (Frame::text("text"), r#"{"text":"text"}"#),
        (Frame::Binary(vec![0, 255].into()), r#"{"binary":"00ff"}"#),
        (Frame::Ping(vec![1].into()), r#"{"ping":"01"}"#),
        (Frame::Pong(vec![2].into()), r#"{"pong":"02"}"#),
        (Frame::close(1000, "done"), r#"{"close":[1000,"done"]}"#),
        (Frame::Close(None), r#"{"close":null}"#),
    ] {
        assert_eq!(serde_json::to_string(&RecordedFrame::from(&frame)).unwrap(), line);
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_connection_is_recorded_once() {
    let written = SharedBuffer::default();
    let (mut closed, mut peer) = connected(&Recorder::new(written.clone())).await;
    peer.close(1000, "done").await.unwrap();
    closed.next().await.unwrap().unwrap();
    for _ in 0..2 {
        assert!(closed.next().await.is_none());
    }
    let lines =
        |written: &SharedBuffer| written.text().lines().skip(2).map(str::to_owned).collect::<Vec<_>>();
    let close = r#"{"at_ms":0,"dial":1,"received":{"close":[1000,"done"]}}"#;
    assert_eq!(lines(&written), [close, r#"{"at_ms":0,"dial":1,"ended":null}"#]);

    let written = SharedBuffer::default();
    let (mut lost, peer) = connected(&Recorder::new(written.clone())).await;
    drop(peer);
    assert!(lost.next().await.unwrap().is_err() && lost.next().await.is_none());
    assert_eq!(lines(&written).len(), 1, "{}", written.text());
}

/// Replays these lines to a client that dials `dials` times. Returns the frames that the client receives, and
/// the number of connections that are still open.
async fn replay(lines: &str, dials: usize) -> (Vec<String>, Result<usize, Error>) {
    let (connector, mut server) = memory::network();
    let replay = Replay::read(lines.as_bytes()).unwrap();
    let client = async move {
        let mut received = Vec::new();
        for _ in 0..dials {
            let mut connection = connector.connect(request()).await.unwrap();
            while let Some(frame) = connection.next().await {
                received.push(format!("{frame:?}"));
            }
        }
        // The connector keeps the network open until the replay has ended.
        (received, connector)
    };
    let ((received, connector), open) = tokio::join!(client, async {
        let open = replay.play(&mut server).await;
        open.map(|open| open.len())
    });
    drop(connector);
    (received, open)
}

const OPENED: &str = r#"{"at_ms":0,"dial":1,"dialed":"wss://example.test/ws"}
{"at_ms":0,"dial":1,"opened":null}
"#;

#[tokio::test(start_paused = true)]
async fn a_recorded_end_ends_the_connection() {
    let end = r#"{"at_ms":5,"dial":1,"received":{"close":[1000,"done"]}}
{"at_ms":5,"dial":1,"ended":null}"#;
    let (received, open) = replay(&format!("{OPENED}{end}"), 1).await;
    assert_eq!((received.len(), open.unwrap()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_missing_dial_ends_the_replay_with_an_error() {
    let again = r#"{"at_ms":5,"dial":1,"failed":"lost"}
{"at_ms":9,"dial":2,"dialed":"wss://example.test/ws"}"#;
    let began = tokio::time::Instant::now();
    let (_, open) = replay(&format!("{OPENED}{again}"), 1).await;
    let error = open.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    let expected = "recorded dial 2 to wss://example.test/ws did not arrive within 60 s";
    assert_eq!(error.to_string(), expected);
    assert_eq!(began.elapsed().as_secs(), 60);

    let (connector, mut server) = memory::network();
    drop(connector);
    let error = Replay::read(OPENED.as_bytes()).unwrap().play(&mut server).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disconnected);
}
