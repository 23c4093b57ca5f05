use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bitopro_transport::recording::{Record, Recorded, RecordedFrame, Recorder, RecordingConnector};
use bitopro_transport::{Connector, Frame, Request, memory};
use futures_util::StreamExt;
use http::StatusCode;

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn request() -> Request {
    Request::new("wss://example.test/ws".parse().unwrap())
        .with_header("X-BITOPRO-SIGNATURE", "s3cret")
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_written_as_json_lines_without_headers() {
    let written = Shared::default();
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
            r#"{"at_ms":0,"dialed":"wss://example.test/ws"}"#,
            r#"{"at_ms":0,"refused":401}"#,
            r#"{"at_ms":0,"dialed":"wss://example.test/ws"}"#,
            r#"{"at_ms":0,"opened":null}"#,
            r#"{"at_ms":20,"received":{"text":"{\"a\":1.10}"}}"#,
            r#"{"at_ms":20,"received":{"ping":"ff"}}"#,
            r#"{"at_ms":20,"sent":{"close":[1000,"done"]}}"#,
            r#"{"at_ms":20,"failed":"the connection ended without a close frame"}"#,
            "",
        ]
        .join("\n")
    );
}

#[test]
fn a_line_reads_back_as_its_record() {
    let line = r#"{"at_ms":7,"received":{"text":"{}"}}"#;
    let record: Record = serde_json::from_str(line).unwrap();
    assert_eq!(record.what, Recorded::Received(RecordedFrame::Text("{}".to_owned())));
    assert_eq!(serde_json::to_string(&record).unwrap(), line);
}

#[tokio::test]
async fn a_recording_that_fails_is_reported_and_the_connection_lives() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let recorder = Recorder::new(Full);
    let (connector, mut server) = memory::network();
    let connector = RecordingConnector::new(connector, recorder.clone());
    let (connection, mut peer) =
        tokio::join!(connector.connect(request()), async { server.next_dial().await.unwrap().accept() });
    peer.send(Frame::text("hello")).await.unwrap();
    assert_eq!(connection.unwrap().next().await.unwrap().unwrap(), Frame::text("hello"));
    assert_eq!(recorder.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
}
