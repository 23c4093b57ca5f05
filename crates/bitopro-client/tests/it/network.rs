//! Helpers for the tests over the memory transport.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bitopro_client::model::{Event, EventData};
use bitopro_client::transport::Frame;
use bitopro_client::transport::memory::{self, MemoryServer};
use bitopro_client::{Client, ClientBuilder, Credentials};

use crate::samples;

/// Returns a client builder and the in-memory server that the client dials.
pub(crate) fn network() -> (ClientBuilder, MemoryServer) {
    let (connector, server) = memory::network();
    let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
    let builder = Client::builder(credentials)
        .with_endpoint("wss://memory.test/ws")
        .with_connector(connector)
        .with_seed(1);
    (builder, server)
}

/// Returns a balance message with this amount of TWD, which is also its timestamp.
pub(crate) fn balance(amount: i64) -> Frame {
    Frame::text(samples::balance(amount, amount))
}

/// Returns the text frame of an event.
pub(crate) fn frame<D: EventData>(event: &Event<D>) -> Frame {
    Frame::text(samples::text(event))
}

/// A shared in-memory buffer for recordings.
#[derive(Clone, Default)]
pub(crate) struct SharedBuffer(Arc<Mutex<Vec<u8>>>);

impl Write for SharedBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SharedBuffer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}
