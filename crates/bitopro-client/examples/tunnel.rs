//! Reaches the exchange through a TCP tunnel, such as a port that `ssh -L` forwards.
//!
//! ```sh
//! ssh -N -L 9443:stream.bitopro.com:443 gateway.example &
//! BITOPRO_TUNNEL=127.0.0.1:9443 cargo run -p bitopro-client --example tunnel
//! ```
//!
//! Only the TCP connection is different: `TungsteniteConnector::connect_over` performs the TLS handshake, the
//! upgrade and everything after it. The certificate is verified against the host of the URL, so the tunnel sees
//! only encrypted data.
//!
//! Reads the credentials from `BITOPRO_API_KEY`, `BITOPRO_API_SECRET` and `BITOPRO_EMAIL`, the base URL from
//! `BITOPRO_WS_URL` if that is set, and additional CA certificates from the file `BITOPRO_CA_FILE` if that is
//! set. `bitopro sim --tls DIR` prints all of them; its port can then stand in for the tunnel.
#![allow(clippy::print_stdout, reason = "a program prints")]

use async_trait::async_trait;
use bitopro_client::Client;
use bitopro_client::transport::{Connection, Connector, Error, ErrorKind, Request, TungsteniteConnector};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// Dials the tunnel instead of the host of the URL.
struct TunnelConnector {
    inner: TungsteniteConnector,
    /// Host and port of the local end of the tunnel.
    address: String,
}

#[async_trait]
impl Connector for TunnelConnector {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        let started = Instant::now();
        let address = &self.address;
        let stream = timeout(request.deadline(), TcpStream::connect(address))
            .await
            .map_err(|_| Error::new(ErrorKind::TimedOut, format!("the tunnel at {address} does not answer")))?
            .map_err(|error| {
                Error::new(ErrorKind::Connect, format!("cannot connect to the tunnel at {address}"))
                    .with_source(error)
            })?;
        // The deadline is for the whole dial.
        let remaining = request.deadline().saturating_sub(started.elapsed());
        self.inner.connect_over(stream, request.with_deadline(remaining)).await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address =
        std::env::var("BITOPRO_TUNNEL").map_err(|_| "set BITOPRO_TUNNEL to HOST:PORT of the tunnel")?;
    let mut inner = TungsteniteConnector::new();
    if let Some(path) = std::env::var_os("BITOPRO_CA_FILE") {
        inner = inner.with_extra_roots(std::fs::read(path)?)?;
    }
    let client = Client::from_env()?.with_connector(TunnelConnector { inner, address }).build()?;
    let mut balances = client.balances();
    while let Some(item) = balances.next().await {
        println!("{item}");
    }
    Ok(())
}

#[tokio::test]
async fn the_tunnel_carries_tls_end_to_end() -> Result<(), Box<dyn std::error::Error>> {
    use std::time::Duration;

    use bitopro_client::Item;
    use bitopro_sim::Simulator;
    use tokio::net::TcpListener;

    let simulator = Simulator::builder().with_tls().start().await?;
    let exchange = simulator.addr().ok_or("no port")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    drop(tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            drop(tokio::spawn(async move {
                let mut far = TcpStream::connect(exchange).await?;
                tokio::io::copy_bidirectional(&mut near, &mut far).await
            }));
        }
    }));
    let inner = TungsteniteConnector::new().with_extra_roots(simulator.ca_pem().ok_or("no CA")?)?;
    let connector = std::sync::Arc::new(TunnelConnector { inner, address });

    // Without the tunnel, nothing would answer at this URL.
    let client = Client::builder(simulator.credentials().to_credentials()?)
        .with_endpoint("wss://localhost:1/ws")
        .with_connector(std::sync::Arc::clone(&connector))
        .build()?;
    let mut balances = client.balances();
    let first = timeout(Duration::from_secs(60), balances.next()).await?;
    assert!(matches!(first, Some(Item::Connected(_))), "{first:?}");
    let second = timeout(Duration::from_secs(60), balances.next()).await?;
    let Some(Item::Snapshot(event)) = second else { panic!("expected a snapshot, found {second:?}") };
    assert!(event.data.into_iter().eq(simulator.balances().into_values()));

    // The certificate is for `localhost`.
    let request = Request::new("wss://stream.example/ws".parse()?);
    let error = connector.connect(request).await.map(|_| ()).expect_err("a certificate for another host");
    assert_eq!(error.kind(), ErrorKind::Certificate, "{error:#}");
    Ok(())
}

#[tokio::test]
async fn a_broken_tunnel_is_a_network_error() -> Result<(), Box<dyn std::error::Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    drop(listener);
    let connector = TunnelConnector { inner: TungsteniteConnector::new(), address };
    let request = Request::new("wss://stream.example/ws".parse()?);
    let error = connector.connect(request).await.map(|_| ()).expect_err("no tunnel");
    assert_eq!(error.kind(), ErrorKind::Connect, "{error:#}");
    Ok(())
}
