use std::fmt;

use tokio::io::{AsyncRead, AsyncWrite};
use tracing::debug;

use super::deadline::Deadline;
use super::proxy::{Proxy, ProxySelection};
use super::target::Target;
use super::tcp::{self, Resolver};
use super::tls::{CertificateError, Tls};
use crate::Error;

/// A byte stream to a server, encrypted or not.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// Opens streams to servers, with the TLS configuration and the proxy that every client of this crate shares.
#[derive(Clone, Default)]
pub(crate) struct Dialer {
    tls: Tls,
    proxy: ProxySelection,
}

impl Dialer {
    /// Adds every certificate in `pem` to the root certificates.
    pub(crate) fn add_roots(&mut self, pem: &[u8]) -> Result<(), CertificateError> {
        self.tls.add_pem(pem)
    }

    /// Dials every encrypted target through this proxy, or directly if it is `None`, regardless of the environment.
    pub(crate) fn set_proxy(&mut self, proxy: Option<Proxy>) {
        self.proxy = proxy.map_or(ProxySelection::Never, ProxySelection::Always);
    }

    /// Opens a stream to the target, through the proxy if one applies, and performs the TLS handshake if the target is
    /// encrypted.
    pub(crate) async fn dial(
        &self,
        resolver: impl Resolver,
        target: &Target,
        deadline: Deadline,
    ) -> Result<Box<dyn ByteStream>, Error> {
        let stream = match self.proxy_for(target)? {
            Some(proxy) => proxy.connect(resolver, &target.address, deadline).await?,
            None => tcp::connect(resolver, &target.address, deadline).await?,
        };
        self.secure(stream, target, deadline).await
    }

    /// Returns the proxy for a target, or `None` for a direct dial.
    pub(crate) fn proxy_for(&self, target: &Target) -> Result<Option<&Proxy>, Error> {
        if target.encrypted { self.proxy.select(&target.address, target.is_loopback) } else { Ok(None) }
    }

    /// Performs the TLS handshake over a stream to the target, if the target is encrypted.
    pub(crate) async fn secure<S: ByteStream + 'static>(
        &self,
        stream: S,
        target: &Target,
        deadline: Deadline,
    ) -> Result<Box<dyn ByteStream>, Error> {
        if !target.encrypted {
            return Ok(Box::new(stream));
        }
        let stream = self.tls.connect(&target.address, stream, deadline).await?;
        let version = stream.get_ref().1.protocol_version().and_then(|version| version.as_str());
        debug!(address = %target.address, version, "TLS established");
        Ok(Box::new(stream))
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer").field("proxy", &self.proxy).finish_non_exhaustive()
    }
}
