//! hyper-util's pool of kept-alive connections, over streams of our dialer.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tower_service::Service;

use crate::dial::deadline::Deadline;
use crate::dial::resolver::ThreadResolver;
use crate::dial::switch::HEAD_LIMIT;
use crate::dial::{ByteStream, Dialer, Protocol, Target};
use crate::{Error, Request};

/// Maximum number of idle connections per host and port.
const MAX_IDLE: usize = 4;
/// Idle time after which a connection is not used any more. The pool closes it within the same time again.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) type Pool = Client<PoolConnector, Full<Bytes>>;

tokio::task_local! {
    /// The deadline of the request that is being sent. hyper-util passes only the address to the connector.
    pub(super) static DEADLINE: Deadline;
}

pub(super) fn keeping_connections(dialer: &Dialer) -> Pool {
    pool(dialer, MAX_IDLE)
}

pub(super) fn without_connections(dialer: &Dialer) -> Pool {
    pool(dialer, 0)
}

fn pool(dialer: &Dialer, max_idle: usize) -> Pool {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(max_idle)
        .http1_max_buf_size(HEAD_LIMIT)
        .build(PoolConnector(Arc::new(dialer.clone())))
}

#[derive(Debug, Clone)]
pub(super) struct PoolConnector(Arc<Dialer>);

impl Service<Uri> for PoolConnector {
    type Response = TokioIo<Box<dyn ByteStream>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        let dialer = Arc::clone(&self.0);
        // A dial may outlive its request, if another connection becomes idle first.
        let deadline = DEADLINE.try_with(|deadline| *deadline);
        let deadline = deadline.unwrap_or_else(|_| Deadline::after(Request::DEFAULT_DEADLINE));
        Box::pin(async move {
            let target = Target::new(&url, Protocol::Http)?;
            dialer.dial(ThreadResolver::system(), &target, deadline).await.map(TokioIo::new)
        })
    }
}

/// A flag that is set once a connection has served a response, so that its next request finds it kept alive.
#[derive(Debug, Clone, Default)]
struct HasServed(Arc<AtomicBool>);

impl Connection for Box<dyn ByteStream> {
    fn connected(&self) -> Connected {
        Connected::new().extra(HasServed::default())
    }
}

/// Marks the connection of a response, whose extensions these are.
pub(super) fn mark_as_served(extensions: &Extensions) {
    if let Some(HasServed(has_served)) = extensions.get() {
        has_served.store(true, Ordering::Relaxed);
    }
}

pub(super) fn has_served(connection: &Connected) -> bool {
    let mut extensions = Extensions::new();
    connection.get_extras(&mut extensions);
    extensions.get().is_some_and(|HasServed(has_served)| has_served.load(Ordering::Relaxed))
}
