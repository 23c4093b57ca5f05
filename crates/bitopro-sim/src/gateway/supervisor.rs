//! The root task, which owns all other tasks.

use std::fmt;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bitopro_transport::Frame;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{Instrument, Span, error_span};

use crate::Exchange;
use crate::gateway::connector::Incoming;
use crate::gateway::dispatcher::Dispatcher;
use crate::gateway::server;
use crate::gateway::session::CLOSE_DEADLINE;

/// The pause after a failure to accept, which most likely means that no file descriptors are left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections and moves the market. It owns the set of all other tasks, which end when it is stopped
/// or aborted.
pub(crate) struct Supervisor {
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) listener: Option<TcpListener>,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) incoming: mpsc::UnboundedReceiver<Incoming>,
    pub(crate) market_interval: Option<Duration>,
    pub(crate) stop: oneshot::Receiver<()>,
}

impl Supervisor {
    pub(crate) async fn run(self) {
        let Self { dispatcher, listener, tls, mut incoming, market_interval, mut stop } = self;
        let mut tasks = JoinSet::new();
        let mut market = market_interval.map(|period| {
            let mut interval = interval_at(Instant::now() + period, period);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        loop {
            tokio::select! {
                _ = &mut stop => break,
                accepted = accept(listener.as_ref()) => match accepted {
                    Ok((stream, peer)) => {
                        let served = server::serve(stream, tls.clone(), Arc::clone(&dispatcher));
                        tasks.spawn(served.instrument(client_span(peer)));
                    }
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                },
                Some(incoming) = incoming.recv() => {
                    let span = client_span(incoming.peer());
                    tasks.spawn(incoming.serve(Arc::clone(&dispatcher)).instrument(span));
                }
                Some(_) = tasks.join_next() => {}
                () = next(market.as_mut()) => {
                    dispatcher.update(Exchange::tick);
                }
            }
        }
        drop(listener);
        incoming.close();
        dispatcher.close(&Frame::close(1001, "the simulator is stopping"));
        // Connections of clients that have not answered by then are aborted.
        let _ = timeout(CLOSE_DEADLINE, async { while tasks.join_next().await.is_some() {} }).await;
        tasks.shutdown().await;
    }
}

/// Creates the span of a client. Its level is ERROR, so that a filter such as `warn` does not remove it.
pub(crate) fn client_span(peer: impl fmt::Display) -> Span {
    error_span!("client", %peer)
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => pending().await,
    }
}

async fn next(interval: Option<&mut Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => pending().await,
    }
}
