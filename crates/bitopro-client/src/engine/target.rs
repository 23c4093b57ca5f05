//! The subject of a link, and how it is requested and decoded.

use std::collections::BTreeSet;

use bitopro_model::{Pair, PrivateStream, Stream};
use bitopro_transport::Request;

use super::decoded_frame::FrameDecoder;
use super::dialer::ClockReading;
use super::link::{Context, Link};
use crate::error::dial_failed;
use crate::{Error, ErrorKind};

/// The subject of a link: a stream, and the pairs of a public one.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub(super) stream: Stream,
    /// The path and query, relative to the base URL.
    pub(super) path: String,
    /// Empty for a private stream.
    pub(super) pairs: BTreeSet<Pair>,
}

impl From<PrivateStream> for Target {
    fn from(stream: PrivateStream) -> Self {
        Self { stream: stream.into(), path: stream.path().to_owned(), pairs: BTreeSet::new() }
    }
}

impl Link {
    /// Returns the pair of a public stream that follows only one.
    fn only_pair(&self) -> Option<Pair> {
        self.pairs.first().filter(|_| self.pairs.len() == 1).cloned()
    }

    pub(super) fn decoder(&self) -> FrameDecoder {
        FrameDecoder::new(self.stream(), self.only_pair())
    }

    /// Creates a request, which is signed for the current time of the exchange if the stream is private.
    pub(super) fn request(&mut self, cx: &Context<'_>, clock: ClockReading) -> Result<Request, Error> {
        let url = self.endpoints.url(&self.path);
        let unsigned = Request::new(url).with_deadline(cx.settings.dial_deadline);
        if let Stream::Public(_) = self.stream() {
            return Ok(unsigned);
        }
        let signer = cx.signer.ok_or_else(|| {
            Error::new(ErrorKind::Setup, "a private stream needs credentials, and this engine has none")
        })?;
        let signed = signer.sign_identity(u64::try_from(clock.exchange_ms).unwrap_or(0));
        let signed = self.last_headers.insert(signed);
        let signed =
            signed.iter().try_fold(unsigned, |request, (name, value)| request.with_header(name, value));
        signed.map_err(dial_failed)
    }
}
