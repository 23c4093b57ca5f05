//! Raw WebSocket frames of a server (RFC 6455, section 5.2).

use std::sync::Mutex;

use async_trait::async_trait;
use bitopro_client::model::Balances;
use bitopro_client::transport::{
    Connection, Connector, Error, ErrorKind, Limits, Request, TungsteniteConnection,
};
use bitopro_client::{Item, Subscription};
use bytes::Bytes;
use tokio::io::{DuplexStream, duplex};

use crate::network::network;

pub(super) const FIN: u8 = 0x80;
pub(super) const CONTINUATION: u8 = 0;
pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const PING: u8 = 9;

/// Returns the header of a frame with a payload of this many bytes.
pub(super) fn header(first_byte: u8, length: usize) -> Vec<u8> {
    let mut header = vec![first_byte];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..126), _) => header.push(length),
        (_, Ok(length)) => {
            header.push(126);
            header.extend(length.to_be_bytes());
        }
        _ => {
            header.push(127);
            header.extend(u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    header
}

pub(super) fn frame(first_byte: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    [&header(first_byte, payload.len()), payload].concat()
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    frame(FIN | TEXT, text)
}

/// A connector for a single connection, whose other end is a stream of bytes.
struct Pipe(Mutex<Option<DuplexStream>>);

#[async_trait]
impl Connector for Pipe {
    async fn connect(&self, _: Request) -> Result<Box<dyn Connection>, Error> {
        let pipe = self.0.lock().unwrap().take();
        let pipe =
            pipe.ok_or_else(|| Error::new(ErrorKind::Connect, "the only connection is already in use"))?;
        Ok(Box::new(TungsteniteConnection::client(pipe, Bytes::new(), Limits::default()).await))
    }
}

/// Returns a client that is connected over a pipe with a buffer of this many bytes, and the server's end of
/// the pipe.
pub(crate) async fn piped(bytes: usize) -> (Subscription<Balances>, DuplexStream) {
    let (client_end, server_end) = duplex(bytes);
    let (builder, _) = network();
    let pipe = Pipe(Mutex::new(Some(client_end)));
    let mut balances = builder.with_connector(pipe).build().unwrap().balances();
    assert!(matches!(balances.next().await, Some(Item::Connected(_))));
    (balances, server_end)
}
