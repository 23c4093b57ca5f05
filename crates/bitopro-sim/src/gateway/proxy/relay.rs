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

/// The largest number of bytes in one read.
const READ_BYTES: usize = 8 << 10;

/// The fault of a direction, which may change at any time.
type FaultReceiver = watch::Receiver<Option<Fault>>;

/// Relays bytes both ways until both have ended, or until one breaks: then both sides are reset.
pub(super) async fn relay(
    mut client: TcpStream,
    mut server: TcpStream,
    to_client: FaultReceiver,
    to_server: FaultReceiver,
) {
    // Pieces are to leave as they are written; where that cannot be had, they leave together.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, into_client) = client.split();
    let (from_server, into_server) = server.split();
    let relayed = tokio::try_join!(
        OneWay::new(from_server, into_client).run(to_client),
        OneWay::new(from_client, into_server).run(to_server),
    );
    if relayed.is_err() {
        // A socket that is closed so sends RST. One that is reset already needs none.
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}

/// One direction of a connection.
struct OneWay<'a> {
    from: ReadHalf<'a>,
    to: WriteHalf<'a>,
    /// The bytes that were read and have not passed yet.
    held: BytesMut,
    /// Nothing more will be read.
    ended: bool,
}

impl<'a> OneWay<'a> {
    fn new(from: ReadHalf<'a>, to: WriteHalf<'a>) -> Self {
        Self { from, to, held: BytesMut::new(), ended: false }
    }

    /// Relays under whatever fault there is. An error breaks the connection.
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

    /// Relays until the direction has ended, or breaks. Cancel-safe.
    async fn relay(&mut self, fault: Option<Fault>) -> io::Result<()> {
        match fault {
            None => {
                self.pass(usize::MAX).await?;
            }
            Some(Fault::Pause) => pending().await,
            Some(Fault::Split { bytes }) => {
                while self.fill(1).await? {
                    self.write(bytes.max(1)).await?;
                    // Readers in this process then see the piece before the next one.
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
                if self.pass(after).await?
                    && self.fill(1).await?
                    && let Some(byte) = self.held.first_mut()
                {
                    *byte = !*byte;
                }
                self.pass(usize::MAX).await?;
            }
            Some(Fault::Finish { after }) => {
                self.pass(after).await?;
            }
            Some(Fault::Reset { after }) => {
                if self.pass(after).await? {
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
            }
        }
        self.to.shutdown().await
    }

    /// Passes this many bytes, or returns false if the direction ends before.
    async fn pass(&mut self, count: usize) -> io::Result<bool> {
        let mut left = count;
        while left > 0 {
            if !self.fill(1).await? {
                return Ok(false);
            }
            left -= self.write(left).await?;
        }
        Ok(true)
    }

    /// Reads until this many bytes are held, or the direction ends. Returns whether any are held.
    async fn fill(&mut self, count: usize) -> io::Result<bool> {
        while self.held.len() < count && !self.ended {
            self.held.reserve(READ_BYTES);
            self.ended = self.from.read_buf(&mut self.held).await? == 0;
        }
        Ok(!self.held.is_empty())
    }

    /// Writes held bytes, at most this many, and returns their number.
    async fn write(&mut self, most: usize) -> io::Result<usize> {
        self.to.write_buf(&mut (&mut self.held).take(most)).await
    }
}
