use std::sync::Arc;

use async_trait::async_trait;
use bitopro_transport::contract::{LoopbackServer, Rig, RigDial};
use bitopro_transport::{Connector, ErrorKind, Frame, Limits, Request, TungsteniteConnector};
use futures_util::StreamExt;
use http::Uri;

struct SocketRig(LoopbackServer);

async fn rig() -> SocketRig {
    SocketRig(LoopbackServer::start().await.unwrap())
}

#[async_trait]
impl Rig for SocketRig {
    fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(TungsteniteConnector::new())
    }

    fn url(&self) -> Uri {
        self.0.url()
    }

    async fn next_dial(&mut self) -> Box<dyn RigDial> {
        self.0.next_dial().await
    }
}

bitopro_transport::contract_tests!(rig);

#[tokio::test]
async fn a_connector_applies_its_limits_to_its_connections() {
    let mut server = LoopbackServer::start().await.unwrap();
    let connector = TungsteniteConnector::new().with_limits(Limits::default().with_message_bytes(10));
    let (connection, mut peer) = tokio::join!(connector.connect(Request::new(server.url())), async {
        server.next_dial().await.accept().await
    });
    let mut connection = connection.unwrap();
    peer.send(Frame::text("0123456789")).await;
    assert_eq!(connection.next().await.unwrap().unwrap(), Frame::text("0123456789"));
    peer.send(Frame::text("0123456789a")).await;
    let error = connection.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error:?}");
    assert!(connection.next().await.is_none());
}
