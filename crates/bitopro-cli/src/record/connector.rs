//! A connector that keeps the messages of its connections, and the headers of its requests, in memory.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bitopro_client::model::AccountBalance;
use bitopro_client::transport::{Connection, Connector, Error, Frame, Request};
use futures_util::Stream;
use zeroize::Zeroizing;

/// The received messages and the headers of the requests. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Traffic(Arc<Mutex<TrafficState>>);

#[derive(Default)]
struct TrafficState {
    headers: Vec<Zeroizing<String>>,
    snapshot: Option<String>,
    updates: Vec<String>,
    left_out: usize,
}

impl Traffic {
    fn state(&self) -> MutexGuard<'_, TrafficState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn headers(&self) -> Vec<Zeroizing<String>> {
        self.state().headers.clone()
    }

    /// Returns the first balance message of the first connection that received one.
    pub(super) fn snapshot(&self) -> Option<String> {
        self.state().snapshot.clone()
    }

    pub(super) fn updates(&self) -> Vec<String> {
        self.state().updates.clone()
    }

    pub(super) fn left_out(&self) -> usize {
        self.state().left_out
    }
}

pub(super) struct CapturingConnector<C> {
    inner: C,
    traffic: Traffic,
}

impl<C: Connector> CapturingConnector<C> {
    pub(super) fn new(inner: C, traffic: Traffic) -> Self {
        Self { inner, traffic }
    }
}

#[async_trait]
impl<C: Connector> Connector for CapturingConnector<C> {
    async fn connect(&self, request: Request) -> Result<Box<dyn Connection>, Error> {
        let values = request.headers().values().filter_map(|value| value.to_str().ok());
        self.traffic.state().headers.extend(values.map(|value| Zeroizing::new(value.to_owned())));
        let inner = self.inner.connect(request).await?;
        Ok(Box::new(CapturingConnection { inner, traffic: self.traffic.clone(), awaits_snapshot: true }))
    }
}

struct CapturingConnection {
    inner: Box<dyn Connection>,
    traffic: Traffic,
    /// True until the first balance message arrives.
    awaits_snapshot: bool,
}

impl Stream for CapturingConnection {
    type Item = Result<Frame, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(Pin::new(&mut self.inner).poll_next(context));
        if let Some(Ok(Frame::Text(text))) = &item {
            let is_snapshot = self.awaits_snapshot;
            let mut state = self.traffic.state();
            if AccountBalance::from_json(text).is_err() {
                state.left_out += 1;
            } else if is_snapshot {
                state.snapshot.get_or_insert_with(|| text.to_string());
                drop(state);
                self.awaits_snapshot = false;
            } else {
                state.updates.push(text.to_string());
            }
        }
        Poll::Ready(item)
    }
}

#[async_trait]
impl Connection for CapturingConnection {
    async fn send(&mut self, frame: Frame) -> Result<(), Error> {
        self.inner.send(frame).await
    }
}
