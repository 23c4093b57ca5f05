//! What the tests over the memory transport share.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bitopro_client::model::{Event, EventData};
use bitopro_client::transport::Frame;
use bitopro_client::transport::memory::{self, MemoryServer};
use bitopro_client::{Client, ClientBuilder, Credentials};

use crate::samples;

/// A client that is still to be built, and the server that it dials, in memory.
pub(crate) fn network() -> (ClientBuilder, MemoryServer) {
    let (connector, server) = memory::network();
    let credentials = Credentials::new("key", "secret", "me@example.com").unwrap();
    let builder = Client::builder(credentials)
        .with_endpoint("wss://memory.test/ws")
        .with_connector(connector)
        .with_seed(1);
    (builder, server)
}

/// A message with this amount of TWD, of that time too.
pub(crate) fn balance(amount: i64) -> Frame {
    Frame::text(samples::balance(amount, amount))
}

/// The frame of a message.
pub(crate) fn frame<D: EventData>(event: &Event<D>) -> Frame {
    Frame::text(samples::text(event))
}

/// A recording in memory.
#[derive(Clone, Default)]
pub(crate) struct Tape(Arc<Mutex<Vec<u8>>>);

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Tape {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}
