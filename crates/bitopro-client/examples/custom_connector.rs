//! A custom connector, which measures another one: the dials and their duration, the frames and their bytes.
//!
//! Follows the balances of an account and prints the measurements every 10 s:
//!
//! ```sh
//! cargo run -p bitopro-client --example custom_connector
//! ```
//!
//! Reads the credentials from `BITOPRO_API_KEY`, `BITOPRO_API_SECRET` and `BITOPRO_EMAIL`, and the base URL from
//! `BITOPRO_WS_URL` if that is set. `bitopro sim` prints all of them for the simulated exchange.
//!
//! A connector of your own implements `Connector` and `Connection` and must pass the contract tests of
//! bitopro-transport, as this one does.
#![allow(clippy::print_stdout, reason = "a program prints")]

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bitopro_client::Client;
use bitopro_client::transport::{Connection, Connector, Error, Frame, Request, TungsteniteConnector};
use futures_core::Stream;
use tokio::time::{Instant, interval};

/// The measurements of all connections of a connector.
#[derive(Debug, Default)]
struct Meter {
    dials: AtomicU64,
    failed_dials: AtomicU64,
    slowest_dial_ms: AtomicU64,
    received: Traffic,
    sent: Traffic,
}

#[derive(Debug, Default)]
struct Traffic {
    frames: AtomicU64,
    bytes: AtomicU64,
}

impl Traffic {
    fn add(&self, bytes: usize) {
        self.frames.fetch_add(1, Relaxed);
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Relaxed);
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "frames {} ({} bytes)", self.frames.load(Relaxed), self.bytes.load(Relaxed))
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [dials, failed, slowest] =
            [&self.dials, &self.failed_dials, &self.slowest_dial_ms].map(|count| count.load(Relaxed));
        write!(f, "dials {dials}, failed {failed}, slowest {slowest} ms; ")?;
        write!(f, "received {}; sent {}", self.received, self.sent)
    }
}

/// Returns the number of bytes of a frame, without its header.
fn payload_bytes(frame: &Frame) -> usize {
    match frame {
        Frame::Text(text) => text.len(),
        Frame::Binary(bytes) | Frame::Ping(bytes) | Frame::Pong(bytes) => bytes.len(),
        Frame::Close(Some(close)) => 2 + close.reason.len(),
        _ => 0,
    }
}

struct MeteredConnector<C> {
    inner: C,
    meter: Arc<Meter>,
}

#[async_trait]
impl<C: Connector> Connector for MeteredConnector<C> {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        let meter = Arc::clone(&self.meter);
        let started = Instant::now();
        meter.dials.fetch_add(1, Relaxed);
        let dialed = self.inner.connect(request).await;
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        meter.slowest_dial_ms.fetch_max(ms, Relaxed);
        match dialed {
            Ok(inner) => Ok(Box::new(MeteredConnection { inner, meter })),
            Err(error) => {
                meter.failed_dials.fetch_add(1, Relaxed);
                Err(error)
            }
        }
    }
}

struct MeteredConnection {
    inner: Box<dyn Connection>,
    meter: Arc<Meter>,
}

impl Stream for MeteredConnection {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(Pin::new(&mut self.inner).poll_next(cx));
        if let Some(Ok(frame)) = &item {
            self.meter.received.add(payload_bytes(frame));
        }
        Poll::Ready(item)
    }
}

#[async_trait]
impl Connection for MeteredConnection {
    /// The answers to pings are not counted, because the inner connection sends them itself.
    async fn send(&mut self, frame: Frame) -> Result<(), Error> {
        let bytes = payload_bytes(&frame);
        self.inner.send(frame).await?;
        self.meter.sent.add(bytes);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let meter = Arc::new(Meter::default());
    let connector = MeteredConnector { inner: TungsteniteConnector::new(), meter: Arc::clone(&meter) };
    let client = Client::from_env()?.with_connector(connector).build()?;
    run(&client, async { drop(tokio::signal::ctrl_c().await) }, || println!("{meter}")).await;
    Ok(())
}

/// Follows the balances until `stop` completes or the stream ends, and reports every 10 s.
async fn run(client: &Client, stop: impl Future<Output = ()>, mut report: impl FnMut()) {
    let mut balances = client.balances();
    let mut timer = interval(Duration::from_secs(10));
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            _ = timer.tick() => report(),
            item = balances.next() => if item.is_none() { break },
        }
    }
    let _ = balances.close().await;
    report();
}

#[tokio::test(start_paused = true)]
async fn dials_and_frames_are_counted() -> Result<(), Box<dyn std::error::Error>> {
    use bitopro_client::transport::Refusal;
    use bitopro_sim::Simulator;
    use http::StatusCode;

    let simulator = Simulator::builder().start_in_memory()?;
    simulator.refuse_next(1, Refusal::new(StatusCode::SERVICE_UNAVAILABLE));
    let meter = Arc::new(Meter::default());
    let connector = MeteredConnector { inner: simulator.connector(), meter: Arc::clone(&meter) };
    let client =
        Client::builder(simulator.credentials().to_credentials()?).with_connector(connector).build()?;
    let mut reports = Vec::new();
    run(&client, tokio::time::sleep(Duration::from_secs(15)), || reports.push(meter.to_string())).await;
    println!("{reports:?}");
    let [first, connected, closed] = reports.as_slice() else { panic!("expected 3 reports: {reports:?}") };
    assert!(first.starts_with("dials 0, failed 0, "), "{first}");
    assert!(connected.starts_with("dials 2, failed 1, "), "{connected}");
    assert!(connected.contains("received frames 1 ("), "{connected}");
    assert!(closed.ends_with("sent frames 1 (2 bytes)"), "{closed}");
    Ok(())
}

#[cfg(test)]
mod contract {
    use std::sync::Arc;

    use async_trait::async_trait;
    use bitopro_client::transport::contract::{LoopbackServer, Rig, RigDial};
    use bitopro_client::transport::{Connector, TungsteniteConnector, contract_tests};
    use http::Uri;

    use super::MeteredConnector;

    struct MeteredRig(LoopbackServer);

    #[async_trait]
    impl Rig for MeteredRig {
        fn connector(&self) -> Arc<dyn Connector> {
            Arc::new(MeteredConnector { inner: TungsteniteConnector::new(), meter: Arc::default() })
        }

        fn url(&self) -> Uri {
            self.0.url()
        }

        async fn next_dial(&mut self) -> Box<dyn RigDial> {
            self.0.next_dial().await
        }
    }

    async fn rig() -> MeteredRig {
        MeteredRig(LoopbackServer::start().await.expect("a free port"))
    }

    contract_tests!(rig);
}
