//! Standard output of a long-running command. A reader that is slow or stops reading blocks only the output.

use std::io::{self, Write};
use std::thread;

use tokio::sync::{mpsc, oneshot};

use crate::exit::{Failure, Status};

use super::OutputError;
use super::stdout_pipe::StdoutPipe;

/// Capacity of the queue to the writer thread. It is small, because only items that wait in the client can be
/// merged.
const QUEUED_CHUNKS: usize = 2;

/// Writes to standard output on a separate thread, since a write to a full pipe blocks until the reader
/// reads.
///
/// A thread that still blocks does not keep the process alive.
pub(crate) struct Writer {
    chunks: Option<mpsc::Sender<String>>,
    ended: oneshot::Receiver<io::Result<()>>,
    pipe: StdoutPipe,
}

impl Writer {
    /// Starts the writer thread. Must be called within a runtime.
    pub(crate) fn stdout() -> Result<Self, Failure> {
        let (chunks, queued) = mpsc::channel(QUEUED_CHUNKS);
        let (end, ended) = oneshot::channel();
        let work = move || {
            // The receiver is dropped when the command ends.
            let _ = end.send(write_all(queued, io::stdout().lock()));
        };
        thread::Builder::new().name("stdout".to_owned()).spawn(work).map_err(|error| {
            Failure::new(Status::Unexpected, "cannot start a thread for standard output").with_source(error)
        })?;
        Ok(Self { chunks: Some(chunks), ended, pipe: StdoutPipe::new() })
    }

    /// Waits until the queue has room for a chunk. Cancel-safe.
    pub(crate) async fn ready(&mut self) -> Result<(), OutputError> {
        let Some(chunks) = self.chunks.clone() else { return Ok(()) };
        tokio::select! {
            biased;
            error = self.failed() => Err(error),
            // There is no other sender, so the permit can be dropped.
            Ok(_) = chunks.reserve() => Ok(()),
        }
    }

    /// Queues a chunk of complete lines. The queue must be [`ready`](Self::ready).
    pub(crate) fn send(&mut self, chunk: String) {
        if let Some(chunks) = &self.chunks {
            // If the thread has ended, the next call of `ready` or `failed` returns its error.
            let _ = chunks.try_send(chunk);
        }
    }

    /// Waits until nothing more can be written, and returns the reason. Cancel-safe.
    pub(crate) async fn failed(&mut self) -> OutputError {
        tokio::select! {
            biased;
            ended = &mut self.ended => match ended {
                Ok(Err(error)) => error.into(),
                _ => Failure::new(Status::Unexpected, "the stdout writer has stopped").into(),
            },
            () = self.pipe.closed() => OutputError::ClosedPipe,
        }
    }

    /// Queues the last lines, and waits until everything is written.
    pub(crate) async fn finish(mut self, rest: String) -> Result<(), OutputError> {
        self.ready().await?;
        self.send(rest);
        self.chunks = None;
        tokio::select! {
            biased;
            ended = &mut self.ended => match ended {
                Ok(written) => Ok(written?),
                Err(_) => Err(Failure::new(Status::Unexpected, "the stdout writer has stopped").into()),
            },
            () = self.pipe.closed() => Err(OutputError::ClosedPipe),
        }
    }
}

/// Writes the chunks of a channel until its sender is dropped.
fn write_all(mut chunks: mpsc::Receiver<String>, mut output: impl Write) -> io::Result<()> {
    while let Some(chunk) = chunks.blocking_recv() {
        output.write_all(chunk.as_bytes())?;
        output.flush()?;
    }
    Ok(())
}
