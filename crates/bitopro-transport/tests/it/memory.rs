use std::sync::Arc;

use async_trait::async_trait;
use bitopro_transport::contract::{Rig, RigDial, RigPeer};
use bitopro_transport::memory::{self, IncomingDial, MemoryConnector, MemoryServer, Peer};
use bitopro_transport::{Connector, Error, ErrorKind, Frame, Refusal, Request};
use futures_util::{FutureExt, StreamExt};
use http::HeaderMap;
use http::Uri;
use tokio::task::unconstrained;

struct MemoryRig {
    connector: MemoryConnector,
    server: MemoryServer,
}

async fn rig() -> MemoryRig {
    let (connector, server) = memory::network();
    MemoryRig { connector, server }
}

#[async_trait]
impl Rig for MemoryRig {
    fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(self.connector.clone())
    }

    fn url(&self) -> Uri {
        "wss://memory.test/".parse().unwrap()
    }

    async fn next_dial(&mut self) -> Box<dyn RigDial> {
        Box::new(MemoryDial(self.server.next_dial().await.unwrap()))
    }
}

struct MemoryDial(IncomingDial);

#[async_trait]
impl RigDial for MemoryDial {
    fn path(&self) -> String {
        self.0.request().url().path().to_owned()
    }

    fn headers(&self) -> HeaderMap {
        self.0.request().headers().clone()
    }

    async fn accept(self: Box<Self>) -> Box<dyn RigPeer> {
        Box::new(MemoryPeer(self.0.accept()))
    }

    async fn refuse(self: Box<Self>, refusal: Refusal) {
        self.0.refuse_with(refusal);
    }
}

struct MemoryPeer(Peer);

#[async_trait]
impl RigPeer for MemoryPeer {
    async fn send(&mut self, frame: Frame) {
        let _ = self.0.send(frame).await;
    }

    async fn recv(&mut self) -> Option<Frame> {
        self.0.recv().await
    }
}

bitopro_transport::contract_tests!(rig);

fn request() -> Request {
    Request::new("wss://memory.test/ws".parse().unwrap())
}

#[tokio::test]
async fn a_dial_can_be_received_without_waiting_and_fail_with_any_error() {
    let (connector, mut server) = memory::network();
    assert!(server.try_next_dial().is_none());
    let mut connect = connector.connect(request());
    assert!((&mut connect).now_or_never().is_none());
    let dial = server.try_next_dial().unwrap();
    assert_eq!(dial.request().url().path(), "/ws");
    dial.fail(Error::new(ErrorKind::Certificate, "expired"));
    assert_eq!(connect.await.map(|_| ()).unwrap_err().kind(), ErrorKind::Certificate);
}

#[tokio::test]
async fn dialling_a_dropped_server_is_a_connect_error() {
    let (connector, server) = memory::network();
    drop(server);
    let error = connector.connect(request()).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
}

#[tokio::test]
async fn a_close_frame_has_a_code_and_a_reason_and_is_answered() {
    let (connector, mut server) = memory::network();
    let (connection, mut peer) =
        tokio::join!(connector.connect(request()), async { server.next_dial().await.unwrap().accept() });
    let mut connection = connection.unwrap();
    peer.close(1001, "going away").await.unwrap();
    assert_eq!(connection.next().await.unwrap().unwrap(), Frame::close(1001, "going away"));
    assert_eq!(peer.recv().await, Some(Frame::close(1001, "going away")));
    assert!(connection.next().await.is_none());
}

/// As with a socket, a full buffer makes the sender wait, but answering a ping never waits.
#[tokio::test]
async fn a_peer_that_does_not_read_makes_the_sender_wait() {
    let (connector, mut server) = memory::network();
    let (connection, mut peer) =
        tokio::join!(connector.connect(request()), async { server.next_dial().await.unwrap().accept() });
    let mut connection = connection.unwrap();
    let mut buffered = 0;
    // tokio's cooperative budget would also end this loop.
    while unconstrained(peer.send(Frame::text("hello"))).now_or_never().is_some() {
        buffered += 1;
        assert!(buffered < 10_000, "the server never waits");
    }
    assert!(buffered > 1);
    for _ in 0..buffered {
        assert_eq!(connection.next().await.unwrap().unwrap(), Frame::text("hello"));
    }
    while unconstrained(connection.send(Frame::text("hello"))).now_or_never().is_some() {}
    peer.send(Frame::Ping("ping".into())).await.unwrap();
    let ping = unconstrained(connection.next()).now_or_never().expect("the answer does not wait");
    assert_eq!(ping.unwrap().unwrap(), Frame::Ping("ping".into()));
    drop(connection);
    assert!(peer.send(Frame::text("hello")).await.is_err());
}

#[test]
fn public_types_are_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<Error>();
    check::<Frame>();
    check::<Refusal>();
    check::<Request>();
    check::<bitopro_transport::TungsteniteConnector>();
    check::<bitopro_transport::Proxy>();
    check::<MemoryConnector>();
    check::<bitopro_transport::recording::Recorder>();
}
