use std::sync::Arc;

use async_trait::async_trait;
use bitopro_transport::contract::{Rig, RigDial, RigPeer};
use bitopro_transport::memory::{self, Dial, MemoryConnector, MemoryServer, Peer};
use bitopro_transport::{Connector, Frame, Refusal};
use http::HeaderMap;
use url::Url;

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

    fn url(&self) -> Url {
        "wss://memory.test/".parse().unwrap()
    }

    async fn next_dial(&mut self) -> Box<dyn RigDial> {
        Box::new(MemoryDial(self.server.next_dial().await.unwrap()))
    }
}

struct MemoryDial(Dial);

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
