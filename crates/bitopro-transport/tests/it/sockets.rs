use std::sync::Arc;

use async_trait::async_trait;
use bitopro_transport::contract::{LoopbackServer, Rig, RigDial};
use bitopro_transport::{Connector, TungsteniteConnector};
use url::Url;

struct SocketRig(LoopbackServer);

async fn rig() -> SocketRig {
    SocketRig(LoopbackServer::start().await.unwrap())
}

#[async_trait]
impl Rig for SocketRig {
    fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(TungsteniteConnector::new())
    }

    fn url(&self) -> Url {
        self.0.url()
    }

    async fn next_dial(&mut self) -> Box<dyn RigDial> {
        self.0.next_dial().await
    }
}

bitopro_transport::contract_tests!(rig);
