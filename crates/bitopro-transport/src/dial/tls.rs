use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::{io, thread};

use http::uri::Authority;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError as Rejection, ClientConfig, InvalidMessage, RootCertStore};
use rustls_platform_verifier::Verifier;
use thiserror::Error as ThisError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::deadline::Deadline;
use crate::{Error, ErrorKind, printable};

/// The error returned by the method `with_extra_roots` of a connector or client.
#[derive(Debug, ThisError)]
#[error("{reason}")]
pub struct CertificateError {
    reason: String,
}

/// TLS that always verifies the server against the platform's root certificates and the added ones.
///
/// The first encrypted dial builds the configuration, because reading the platform's root certificates is slow. It
/// can also hang, so a separate thread builds it, for all clones and dials. Without added certificates, the whole
/// process shares one configuration, since it needs 100 KiB.
#[derive(Clone)]
pub(super) struct Tls {
    extra_roots: Vec<CertificateDer<'static>>,
    config: Arc<Latest>,
}

/// The latest configuration, which is `None` until it is complete.
type Latest = Mutex<Option<watch::Receiver<Option<Built>>>>;

type Built = Result<Arc<ClientConfig>, rustls::Error>;

/// The configuration without added certificates.
static PLATFORM: LazyLock<Arc<Latest>> = LazyLock::new(Arc::default);

impl Default for Tls {
    fn default() -> Self {
        Self { extra_roots: Vec::new(), config: Arc::clone(&PLATFORM) }
    }
}

impl Tls {
    /// Adds every certificate in `pem` to the root certificates.
    pub(super) fn add_pem(&mut self, pem: &[u8]) -> Result<(), CertificateError> {
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<_, _>>()
            .map_err(|error| CertificateError { reason: format!("invalid PEM: {error}") })?;
        if certificates.is_empty() {
            let reason = "the PEM text contains no certificate (no `BEGIN CERTIFICATE` line)".to_owned();
            return Err(CertificateError { reason });
        }
        let mut trial = RootCertStore::empty();
        for (number, certificate) in (1..).zip(&certificates) {
            let reason = |_| format!("certificate {number} is not a valid X.509 certificate");
            trial.add(certificate.clone()).map_err(reason).map_err(|reason| CertificateError { reason })?;
        }
        self.extra_roots.extend(certificates);
        self.config = Arc::default();
        Ok(())
    }

    /// Performs the TLS handshake with the server at `address` over `stream`.
    pub(super) async fn connect<S>(
        &self,
        address: &Authority,
        stream: S,
        deadline: Deadline,
    ) -> Result<TlsStream<S>, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let name = server_name(address.host())?;
        let config = self.config(deadline, build).await?;
        let missing = format!("no TLS connection with {address}");
        let handshake = async {
            let connected = TlsConnector::from(config).connect(name, stream).await;
            connected.map_err(|error| convert_error(error, address))
        };
        deadline.within(&missing, handshake).await
    }

    /// Returns the configuration, which `build` creates unless an earlier call has succeeded or is in progress.
    async fn config(
        &self,
        deadline: Deadline,
        build: impl FnOnce(Vec<CertificateDer<'static>>) -> Built + Send + 'static,
    ) -> Result<Arc<ClientConfig>, Error> {
        const MISSING: &str =
            "the CA certificates of this machine (on Linux, of SSL_CERT_FILE and SSL_CERT_DIR) were not read";

        let failed = |message| Error::new(ErrorKind::Setup, message);
        let not_built = "cannot build the TLS configuration";
        let mut config = self.latest(build).map_err(|error| failed(not_built).with_source(error))?;
        let built = async {
            let built = config.wait_for(Option::is_some).await;
            built.ok().and_then(|built| built.clone()).ok_or_else(|| failed(not_built))
        };
        deadline.within(MISSING, built).await?.map_err(|error| {
            failed(
                "no usable CA certificates on this machine; install them (on Linux, the package \
                 `ca-certificates`) or set SSL_CERT_FILE to the path of their file",
            )
            .with_source(error)
        })
    }

    /// Returns the latest configuration, or starts to build another one if that has failed.
    fn latest(
        &self,
        build: impl FnOnce(Vec<CertificateDer<'static>>) -> Built + Send + 'static,
    ) -> io::Result<watch::Receiver<Option<Built>>> {
        let mut latest = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        let is_usable = |config: &&watch::Receiver<Option<Built>>| match &*config.borrow() {
            Some(built) => built.is_ok(),
            // A thread that has panicked has dropped the sender.
            None => config.has_changed().is_ok(),
        };
        if let Some(config) = latest.as_ref().filter(is_usable) {
            return Ok(config.clone());
        }
        let (sender, config) = watch::channel(None);
        let extra_roots = self.extra_roots.clone();
        let work = move || drop(sender.send(Some(build(extra_roots))));
        thread::Builder::new().name("certificates".to_owned()).spawn(work)?;
        Ok(latest.insert(config).clone())
    }
}

fn convert_error(error: io::Error, address: &Authority) -> Error {
    let failed = |problem: &str| Error::new(ErrorKind::Tls, format!("the server at {address} {problem}"));
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(rejection)) => {
            let certificate = format!("the certificate of {address}");
            match describe(rejection) {
                // The source is omitted, because it would repeat the message in the words of rustls.
                Some(problem) => Error::new(ErrorKind::Certificate, format!("{certificate} {problem}")),
                None => Error::new(ErrorKind::Certificate, format!("{certificate} is not acceptable"))
                    .with_source(error),
            }
        }
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            failed("does not speak TLS on this port; check the port in the URL")
        }
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            failed("closed the connection during the TLS handshake; check that this port speaks TLS")
        }
        _ => {
            Error::new(ErrorKind::Tls, format!("the TLS handshake with {address} failed")).with_source(error)
        }
    }
}

/// Maximum length of the names in a certificate that an error quotes, in characters.
const MAX_NAMES: usize = 100;

/// Completes the message "the certificate of … ". Returns `None` for a rejection without a known remedy.
fn describe(rejection: &Rejection) -> Option<String> {
    Some(match rejection {
        Rejection::Expired | Rejection::ExpiredContext { .. } => {
            "has expired; check this machine's clock, or have the certificate renewed".to_owned()
        }
        Rejection::NotValidYet | Rejection::NotValidYetContext { .. } => {
            "is not valid yet; check this machine's clock".to_owned()
        }
        Rejection::NotValidForName => "is for another host; check the host in the URL".to_owned(),
        Rejection::NotValidForNameContext { presented, .. } => {
            let names: Vec<&str> = presented.iter().map(|name| dns_name(name)).collect();
            let names = printable(&names.join(", "), MAX_NAMES);
            format!("is for another host ({names}); check the host in the URL")
        }
        Rejection::UnknownIssuer => {
            "was issued by an unknown authority; if you trust it, add its CA certificate with `with_extra_roots`"
                .to_owned()
        }
        Rejection::BadSignature => {
            "was not issued by the trusted authority of that name; check that its CA certificate is current"
                .to_owned()
        }
        // rustls has no variant for this error of webpki, whose text is its name.
        Rejection::Other(other) if other.to_string().ends_with("CaUsedAsEndEntity") => {
            "is a CA certificate, which cannot identify a server; create one with \
             `basicConstraints=critical,CA:FALSE`, unlike `openssl req -x509` by default"
                .to_owned()
        }
        _ => return None,
    })
}

/// Returns the name from webpki's form of a DNS name, `DnsName("stream.example")`. Other names are unchanged.
fn dns_name(presented: &str) -> &str {
    let name = presented.strip_prefix("DnsName(\"").and_then(|rest| rest.strip_suffix("\")"));
    name.unwrap_or(presented)
}

/// Converts the host of a URL, in which an IPv6 address has brackets, into the name to verify.
fn server_name(host: &str) -> Result<ServerName<'static>, Error> {
    ServerName::try_from(host.trim_start_matches('[').trim_end_matches(']').to_owned()).map_err(|error| {
        Error::new(ErrorKind::InvalidRequest, format!("`{host}` is not a valid server name for TLS"))
            .with_source(error)
    })
}

fn build(extra_roots: Vec<CertificateDer<'static>>) -> Built {
    // An explicit provider works whether or not the process has installed a default one.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier::new_with_extra_roots(extra_roots, Arc::clone(&provider))?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous() // rustls requires this for any verifier but its own, including the platform's
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // WebSocket begins with HTTP/1.1 as well.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::{Arc, Built, Deadline, ErrorKind, Tls, build, server_name};

    #[test]
    fn names_and_ip_addresses_are_valid_server_names() {
        for host in ["stream.bitopro.com", "127.0.0.1", "[2001:db8::1]"] {
            let name = server_name(host).unwrap();
            assert_eq!(name.to_str(), host.trim_matches(['[', ']']));
        }
        assert_eq!(server_name("a_b..c").unwrap_err().kind(), ErrorKind::InvalidRequest);
    }

    #[tokio::test(start_paused = true)]
    async fn clones_share_one_configuration_even_while_it_hangs() {
        // With an added root, the test works on a machine without CA certificates.
        let root = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let mut tls = Tls::default();
        tls.add_pem(root.cert.pem().as_bytes()).unwrap();
        let (release, hang) = mpsc::channel::<()>();
        let hanging = move |roots| {
            let _ = hang.recv();
            build(roots)
        };
        let deadline = || Deadline::after(Duration::from_secs(10));
        let error = tls.config(deadline(), hanging).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        let text =
            "the CA certificates of this machine (on Linux, of SSL_CERT_FILE and SSL_CERT_DIR) were not read";
        assert_eq!(error.to_string(), format!("{text} within 10 s"));
        let second: fn(Vec<_>) -> Built = |_| panic!("a second load");
        assert_eq!(tls.config(deadline(), second).await.unwrap_err().kind(), ErrorKind::TimedOut);
        drop(release);
        // The thread is not part of the paused clock.
        let mut latest = tls.latest(second).unwrap();
        latest.wait_for(Option::is_some).await.unwrap();
        let first = tls.clone().config(deadline(), second).await.unwrap();
        assert!(Arc::ptr_eq(&first, &tls.config(deadline(), second).await.unwrap()));
    }

    #[test]
    fn only_connectors_without_added_roots_share_their_configuration_with_others() {
        let root = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let with_root = || {
            let mut tls = Tls::default();
            tls.add_pem(root.cert.pem().as_bytes()).unwrap();
            tls
        };
        let are_shared = |a: &Tls, b: &Tls| Arc::ptr_eq(&a.config, &b.config);
        assert!(are_shared(&Tls::default(), &Tls::default()));
        assert!(!are_shared(&Tls::default(), &with_root()));
        assert!(!are_shared(&with_root(), &with_root()));
    }

    #[tokio::test]
    async fn a_load_that_failed_is_repeated() {
        let tls = Tls { extra_roots: Vec::new(), config: Arc::default() };
        let deadline = Deadline::after(Duration::from_secs(60));
        let failing = |_| Err(rustls::Error::General("no certificates".to_owned()));
        let error = tls.config(deadline, failing).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setup);
        assert!(format!("{error:#}").ends_with(": unexpected error: no certificates"), "{error:#}");
        let error = tls.config(deadline, |_| panic!("a test of panics")).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot build the TLS configuration");
        let root = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let roots = vec![root.cert.der().clone()];
        tls.config(deadline, |_| build(roots)).await.unwrap();
    }
}
