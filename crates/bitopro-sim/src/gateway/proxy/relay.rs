use std::future::pending;
use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::Fault;

/// The capacity reserved before each read.
const READ_BYTES: usize = 8 << 10;

/// The fault of a direction, which may change at any time.
type FaultReceiver = watch::Receiver<Option<Fault>>;

/// Relays bytes in both directions until both have ended. An error in one direction resets both sides.
pub(super) async fn relay(
    mut client: TcpStream,
    mut server: TcpStream,
    to_client: FaultReceiver,
    to_server: FaultReceiver,
) {
    // Sends each piece in its own segment. If this fails, pieces may be sent together.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, into_client) = client.split();
    let (from_server, into_server) = server.split();
    let relayed = tokio::try_join!(
        OneWay::new(from_server, into_client).run(to_client),
        OneWay::new(from_client, into_server).run(to_server),
    );
    if relayed.is_err() {
        // Closing these sockets now sends RST. This fails only for a socket that has been reset already.
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}

/// One direction of a connection.
struct OneWay<'a> {
    from: ReadHalf<'a>,
    to: WriteHalf<'a>,
    /// Bytes that were read but not yet written.
    buffer: BytesMut,
    /// True once the source has ended.
    ended: bool,
}

impl<'a> OneWay<'a> {
    fn new(from: ReadHalf<'a>, to: WriteHalf<'a>) -> Self {
        Self { from, to, buffer: BytesMut::new(), ended: false }
    }

    /// Relays with the current fault until the direction ends or fails.
    async fn run(mut self, mut faults: FaultReceiver) -> io::Result<()> {
        loop {
            let fault = *faults.borrow_and_update();
            tokio::select! {
                biased;
                Ok(()) = faults.changed() => {}
                relayed = self.relay(fault) => return relayed,
            }
        }
    }

    /// Relays with one fault until the direction ends or fails. Cancel-safe.
    async fn relay(&mut self, fault: Option<Fault>) -> io::Result<()> {
        match fault {
            None => {
                self.relay_bytes(usize::MAX).await?;
            }
            Some(Fault::Pause) => pending().await,
            Some(Fault::Split { bytes }) => {
                while self.fill(1).await? {
                    self.write(bytes.max(1)).await?;
                    // Lets readers in this process receive the piece before the next one.
                    yield_now().await;
                }
            }
            Some(Fault::Throttle { bytes, every }) => {
                while self.fill(1).await? {
                    self.write(bytes.max(1)).await?;
                    sleep(every).await;
                }
            }
            Some(Fault::Coalesce { bytes }) => {
                while self.fill(bytes.max(1)).await? {
                    self.write(usize::MAX).await?;
                }
            }
            Some(Fault::Corrupt { after }) => {
                if self.relay_bytes(after).await?
                    && self.fill(1).await?
                    && let Some(byte) = self.buffer.first_mut()
                {
                    *byte = !*byte;
                }
                self.relay_bytes(usize::MAX).await?;
            }
            Some(Fault::Finish { after }) => {
                self.relay_bytes(after).await?;
            }
            Some(Fault::Reset { after }) => {
                if self.relay_bytes(after).await? {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
            }
        }
        self.to.shutdown().await
    }

    /// Relays this many bytes. Returns `false` if the direction ends first.
    async fn relay_bytes(&mut self, count: usize) -> io::Result<bool> {
        let mut remaining = count;
        while remaining > 0 {
            if !self.fill(1).await? {
                return Ok(false);
            }
            remaining -= self.write(remaining).await?;
        }
        Ok(true)
    }

    /// Reads until this many bytes are buffered or the direction ends. Returns whether any are buffered.
    async fn fill(&mut self, count: usize) -> io::Result<bool> {
        while self.buffer.len() < count && !self.ended {
            self.buffer.reserve(READ_BYTES);
            self.ended = self.from.read_buf(&mut self.buffer).await? == 0;
        }
        Ok(!self.buffer.is_empty())
    }

    /// Writes at most this many buffered bytes, and returns their number.
    async fn write(&mut self, max: usize) -> io::Result<usize> {
        self.to.write_buf(&mut (&mut self.buffer).take(max)).await
    }
}
