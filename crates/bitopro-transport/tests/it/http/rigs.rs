//! The contract tests over plain sockets, over TLS, through a proxy, in memory, and recorded.

use std::sync::Arc;

use async_trait::async_trait;
use bitopro_transport::contract::http_client::{HttpRig, HttpRigRequest, LoopbackHttpServer};
use bitopro_transport::memory::{self, IncomingRequest, MemoryHttpClient, MemoryHttpServer};
use bitopro_transport::recording::{Recorder, RecordingHttpClient};
use bitopro_transport::{HttpClient, HttpLimits, HyperClient};
use bytes::Bytes;
use http::{Request, Response, Uri};
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::{accept, listen};
use crate::proxies::fake::{Behaviour, CONNECTED, FakeProxy, Protocol};
use crate::tls::Authority;

struct SocketRig {
    server: LoopbackHttpServer,
    url: Uri,
    client: Box<dyn Fn() -> HyperClient + Send + Sync>,
    _proxy: Option<FakeProxy>,
}

#[async_trait]
impl HttpRig for SocketRig {
    fn client(&self, limits: HttpLimits) -> Arc<dyn HttpClient> {
        Arc::new((self.client)().with_limits(limits))
    }

    fn url(&self) -> Uri {
        self.url.clone()
    }

    async fn next_request(&mut self) -> Box<dyn HttpRigRequest> {
        self.server.next_request().await
    }
}

/// Starts a server that decrypts TLS and forwards the connections to this port.
async fn tls_front(tls: TlsAcceptor, port: u16) -> u16 {
    let (listener, front) = listen().await;
    tokio::spawn(async move {
        loop {
            let (stream, tls) = (accept(&listener).await, tls.clone());
            tokio::spawn(async move {
                let mut stream = tls.accept(stream).await?;
                let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
                copy_bidirectional(&mut stream, &mut server).await
            });
        }
    });
    front
}

mod plain {
    use super::{HyperClient, LoopbackHttpServer, SocketRig};

    async fn rig() -> SocketRig {
        let server = LoopbackHttpServer::start().await.unwrap();
        SocketRig { url: server.url(), server, client: Box::new(HyperClient::new), _proxy: None }
    }

    bitopro_transport::http_contract_tests!(rig);
}

mod tls {
    use super::{Authority, HyperClient, LoopbackHttpServer, SocketRig, TlsAcceptor, tls_front};

    async fn rig() -> SocketRig {
        let (server, authority) = (LoopbackHttpServer::start().await.unwrap(), Authority::new());
        let tls = TlsAcceptor::from(authority.config("localhost", |_| {}));
        let port = tls_front(tls, server.url().port_u16().unwrap()).await;
        let pem = authority.pem();
        let client = move || HyperClient::new().with_extra_roots(&pem).unwrap();
        let url = format!("https://localhost:{port}/").parse().unwrap();
        SocketRig { server, url, client: Box::new(client), _proxy: None }
    }

    bitopro_transport::http_contract_tests!(rig);
}

mod proxy {
    use super::{
        Authority, Behaviour, CONNECTED, FakeProxy, HyperClient, LoopbackHttpServer, Protocol, SocketRig,
        TlsAcceptor, tls_front,
    };

    async fn rig() -> SocketRig {
        let (server, authority) = (LoopbackHttpServer::start().await.unwrap(), Authority::new());
        let tls = TlsAcceptor::from(authority.config("exchange.test", |_| {}));
        let port = tls_front(tls, server.url().port_u16().unwrap()).await;
        let proxy = FakeProxy::start(Protocol::Http, Behaviour::Connect(CONNECTED, port)).await;
        let (pem, address) = (authority.pem(), proxy.address);
        let client = move || {
            let client = HyperClient::new().with_extra_roots(&pem).unwrap();
            client.with_proxy(format!("http://{address}").parse().unwrap())
        };
        let url = "https://exchange.test:9443/".parse().unwrap();
        SocketRig { server, url, client: Box::new(client), _proxy: Some(proxy) }
    }

    bitopro_transport::http_contract_tests!(rig);
}

struct MemoryRig {
    client: MemoryHttpClient,
    server: MemoryHttpServer,
    recorder: Option<Recorder>,
}

#[async_trait]
impl HttpRig for MemoryRig {
    fn client(&self, limits: HttpLimits) -> Arc<dyn HttpClient> {
        let client = self.client.clone().with_limits(limits);
        match self.recorder.clone() {
            Some(recorder) => Arc::new(RecordingHttpClient::new(client, recorder)),
            None => Arc::new(client),
        }
    }

    fn url(&self) -> Uri {
        "https://memory.test/".parse().unwrap()
    }

    async fn next_request(&mut self) -> Box<dyn HttpRigRequest> {
        Box::new(MemoryRequest(self.server.next_request().await.unwrap()))
    }
}

struct MemoryRequest(IncomingRequest);

#[async_trait]
impl HttpRigRequest for MemoryRequest {
    fn request(&self) -> &Request<Bytes> {
        self.0.request()
    }

    fn respond(self: Box<Self>, response: Response<Bytes>) {
        self.0.respond(response);
    }

    async fn cancelled(&mut self) {
        self.0.cancelled().await;
    }
}

fn memory_rig(recorder: Option<Recorder>) -> MemoryRig {
    let (client, server) = memory::http_network();
    MemoryRig { client, server, recorder }
}

mod in_memory {
    use super::{MemoryRig, memory_rig};

    async fn rig() -> MemoryRig {
        memory_rig(None)
    }

    bitopro_transport::http_contract_tests!(rig);
}

mod recorded {
    use super::{MemoryRig, Recorder, memory_rig};

    async fn rig() -> MemoryRig {
        memory_rig(Some(Recorder::new(std::io::sink())))
    }

    bitopro_transport::http_contract_tests!(rig);
}
