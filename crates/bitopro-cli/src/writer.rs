//! Standard output for what goes on for hours: a reader that is slow, or stops reading, holds up nothing but
//! the output.

use std::io::{self, Write};
use std::thread;

use tokio::sync::{mpsc, oneshot};

use crate::exit::{Failure, Status};
use crate::output::OutputError;
use crate::reader::Reader;

/// How many chunks wait for the thread that writes. Few: what waits elsewhere can still be merged.
const WAITING_CHUNKS: usize = 2;

/// Writes on a thread of its own, since a write to a full pipe blocks for as long as nobody reads.
///
/// At the end of the process the thread is left behind if it still blocks.
pub(crate) struct Writer {
    chunks: Option<mpsc::Sender<String>>,
    ended: oneshot::Receiver<io::Result<()>>,
    reader: Reader,
}

impl Writer {
    /// Within a runtime.
    pub(crate) fn stdout() -> Result<Self, Failure> {
        let (chunks, waiting) = mpsc::channel(WAITING_CHUNKS);
        let (end, ended) = oneshot::channel();
        let work = move || {
            // Nobody waits for the outcome once the command is over.
            let _ = end.send(write_all(waiting, io::stdout().lock()));
        };
        thread::Builder::new().name("stdout".to_owned()).spawn(work).map_err(|error| {
            Failure::new(Status::Unexpected, "no thread could be started to write the output")
                .with_source(error)
        })?;
        Ok(Self { chunks: Some(chunks), ended, reader: Reader::of_stdout() })
    }

    /// Waits until there is room for a chunk. Cancel-safe.
    pub(crate) async fn room(&mut self) -> Result<(), OutputError> {
        let Some(chunks) = self.chunks.clone() else { return Ok(()) };
        tokio::select! {
            biased;
            broken = self.broken() => Err(broken),
            // Nobody else sends, so the room is still there afterwards.
            Ok(_) = chunks.reserve() => Ok(()),
        }
    }

    /// Hands over whole lines, for which there is [`room`](Self::room).
    pub(crate) fn put(&mut self, chunk: String) {
        if let Some(chunks) = &self.chunks {
            // A thread that has ended has said why, which the next wait finds.
            let _ = chunks.try_send(chunk);
        }
    }

    /// Waits until nothing more can be written, and says why. Cancel-safe.
    pub(crate) async fn broken(&mut self) -> OutputError {
        tokio::select! {
            biased;
            ended = &mut self.ended => match ended {
                Ok(Err(error)) => error.into(),
                _ => Failure::new(Status::Unexpected, "standard output is written no more").into(),
            },
            () = self.reader.gone() => OutputError::ClosedPipe,
        }
    }

    /// Hands over the last lines, and waits until everything is written.
    pub(crate) async fn finish(mut self, rest: String) -> Result<(), OutputError> {
        self.room().await?;
        self.put(rest);
        self.chunks = None;
        tokio::select! {
            biased;
            ended = &mut self.ended => match ended {
                Ok(written) => Ok(written?),
                Err(_) => Err(Failure::new(Status::Unexpected, "standard output is written no more").into()),
            },
            () = self.reader.gone() => Err(OutputError::ClosedPipe),
        }
    }
}

/// Writes chunks as they come, to the end of the channel.
fn write_all(mut chunks: mpsc::Receiver<String>, mut to: impl Write) -> io::Result<()> {
    while let Some(chunk) = chunks.blocking_recv() {
        to.write_all(chunk.as_bytes())?;
        to.flush()?;
    }
    Ok(())
}
