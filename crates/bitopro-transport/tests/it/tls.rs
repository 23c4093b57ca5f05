//! TLS with certificates that the tests generate.

use std::error::Error as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitopro_transport::{Connector, Error, ErrorKind, Request, TungsteniteConnector};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::io::InspectReader;

const CA: IsCa = IsCa::Ca(BasicConstraints::Unconstrained);

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        Self::with_name("test authority")
    }

    fn with_name(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = CA;
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Returns a server configuration with a certificate for this host.
    pub(crate) fn config(
        &self,
        host: &str,
        adjust: impl FnOnce(&mut CertificateParams),
    ) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        adjust(&mut params);
        let certificate: CertificateDer<'static> = params.signed_by(&key, &self.0).unwrap().der().clone();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        Arc::new(config)
    }

    /// Starts a TLS server that refuses every upgrade with 401, so a dial whose TLS handshake succeeds is
    /// refused.
    async fn serve(&self, host: &str, adjust: impl FnOnce(&mut CertificateParams)) -> Server {
        self.serve_response(host, adjust, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").await
    }

    /// Starts a TLS server that sends this response to every upgrade.
    async fn serve_response(
        &self,
        host: &str,
        adjust: impl FnOnce(&mut CertificateParams),
        response: impl Into<String>,
    ) -> Server {
        let (acceptor, response) = (TlsAcceptor::from(self.config(host, adjust)), response.into());
        Server::start(move |stream| {
            let (acceptor, response) = (acceptor.clone(), response.clone());
            async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.read(&mut [0; 4096]).await;
                    let _ = stream.write_all(response.as_bytes()).await;
                    let _ = stream.shutdown().await;
                }
            }
        })
        .await
    }
}

/// A server that keeps all received bytes, before they are decrypted.
struct Server {
    port: u16,
    received: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    async fn start<S, F>(serve: S) -> Self
    where
        S: Fn(InspectedStream) -> F + Send + 'static,
        F: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received: Arc<Mutex<Vec<u8>>> = Arc::default();
        let buffer = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let buffer = Arc::clone(&buffer);
                let keep = move |bytes: &[u8]| buffer.lock().unwrap().extend(bytes);
                serve(InspectReader::new(stream, Box::new(keep))).await;
            }
        });
        Self { port, received }
    }

    /// Asserts that the server received a TLS handshake and no unencrypted part of the request.
    fn assert_only_tls_received(&self) {
        let received = self.received.lock().unwrap();
        let is_handshake = received.starts_with(&[0x16, 0x03]);
        assert!(is_handshake, "{:?}", received.get(..16));
        let text = String::from_utf8_lossy(&received);
        for word in ["GET", "HTTP", "ebsocket", "bitopro", SECRET] {
            assert!(!text.contains(word), "{word} is in {text:?}");
        }
    }
}

type InspectedStream = InspectReader<TcpStream, Box<dyn FnMut(&[u8]) + Send>>;

const SECRET: &str = "n0b0dy";

async fn dial(connector: &TungsteniteConnector, host: &str, server: &Server) -> Error {
    let request = Request::new(format!("wss://{host}:{}/ws", server.port).parse().unwrap());
    let request = request.with_header("X-BITOPRO-SIGNATURE", SECRET).unwrap();
    let error = connector.connect(request).await.map(|_| ()).unwrap_err();
    server.assert_only_tls_received();
    error
}

fn trusting(authority: &Authority) -> TungsteniteConnector {
    TungsteniteConnector::new().with_extra_roots(authority.pem()).unwrap()
}

#[tokio::test]
async fn an_added_authority_is_trusted_for_names_and_ip_addresses() {
    let authority = Authority::new();
    for host in ["localhost", "127.0.0.1"] {
        let server = authority.serve(host, |_| {}).await;
        let error = dial(&trusting(&authority), host, &server).await;
        assert_eq!(error.kind(), ErrorKind::Refused, "the TLS handshake failed: {error:?}");
    }
}

#[tokio::test]
async fn fault_38_an_unacceptable_certificate_is_a_certificate_error() {
    let authority = Authority::new();
    let trusting = trusting(&authority);
    let expired = authority.serve("localhost", |params| params.not_after = date_time_ymd(2001, 1, 1)).await;
    let early = authority.serve("localhost", |params| params.not_before = date_time_ymd(2999, 1, 1)).await;
    let other_host = authority.serve("example.test", |_| {}).await;
    let unknown = Authority::with_name("unknown authority").serve("localhost", |_| {}).await;
    let forged = Authority::new().serve("localhost", |_| {}).await;
    // As created by `openssl req -x509`, and trusted.
    let self_signed = authority.serve("localhost", |params| params.is_ca = CA).await;
    for (reason, server) in [
        ("has expired; check this machine's clock, or have the certificate renewed", expired),
        ("is not valid yet; check this machine's clock", early),
        ("is for another host (example.test); check the host in the URL", other_host),
        (
            "was issued by an unknown authority; if you trust it, add its CA certificate with `with_extra_roots`",
            unknown,
        ),
        // Issued in the name of the trusted authority, but with another key.
        (
            "was not issued by the trusted authority of that name; check that its CA certificate is current",
            forged,
        ),
        (
            "is a CA certificate, which cannot identify a server; create one with \
             `basicConstraints=critical,CA:FALSE`, unlike `openssl req -x509` by default",
            self_signed,
        ),
    ] {
        let error = dial(&trusting, "localhost", &server).await;
        assert_eq!(error.kind(), ErrorKind::Certificate, "{reason}: {error:?}");
        // The verifiers of other platforms report fewer reasons.
        if cfg!(target_os = "linux") {
            let expected = format!("the certificate of localhost:{} {reason}", server.port);
            assert_eq!(format!("{error:#}"), expected);
        }
        assert!(error.kind().is_network());
    }
}

#[tokio::test]
async fn fault_57_hostile_names_in_a_certificate_are_printable_and_bounded() {
    let authority = Authority::new();
    let hostile = "\x1b[2J\x1b]0;title\x07\r\n.test";
    let names = |params: &mut CertificateParams| {
        params.subject_alt_names = vec![SanType::DnsName(hostile.try_into().unwrap()); 500];
    };
    let error = dial(&trusting(&authority), "localhost", &authority.serve("localhost", names).await).await;
    assert_eq!(error.kind(), ErrorKind::Certificate, "{error:?}");
    let mut shown = format!("{error:#}");
    if cfg!(target_os = "linux") {
        assert!(shown.contains(r" is for another host (\u{1b}[2J\u{1b}]0;title\u{7}\r\n.test, "), "{shown}");
    }
    let mut source = error.source();
    while let Some(error) = source {
        shown += &error.to_string();
        source = error.source();
    }
    assert!(!shown.contains(char::is_control) && shown.len() < 300, "{shown:?}");
}

/// Starts a server that sends these bytes after the client's hello.
async fn serve_bytes(bytes: Vec<u8>) -> Server {
    let bytes: Arc<[u8]> = bytes.into();
    Server::start(move |mut stream| {
        let bytes = Arc::clone(&bytes);
        async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            // Unread data would reset the connection before the client reads the bytes.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    })
    .await
}

#[tokio::test]
async fn fault_38_a_server_without_tls_or_with_tls_1_1_is_a_tls_error() {
    let trusting = trusting(&Authority::new());
    // TLS 1.1, RFC 4346: a server hello with 32 random bytes, no session and AES-128-CBC-SHA, and the alert
    // `protocol_version` of a server that supports no newer version.
    let hello = [&[2, 0, 0, 38, 3, 2][..], &[7; 32], &[0, 0, 0x2f, 0]].concat();
    let old_hello = [&[0x16, 3, 2, 0, 42][..], &hello].concat();
    let alert = vec![0x15, 3, 2, 0, 2, 2, 70];
    for (bytes, expected) in [
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            "the server at SERVER does not speak TLS on this port; check the port in the URL",
        ),
        (
            old_hello,
            "the TLS handshake with SERVER failed: peer is incompatible: ServerDoesNotSupportTls12Or13",
        ),
        (alert, "the TLS handshake with SERVER failed: received fatal alert: ProtocolVersion"),
        (
            Vec::new(),
            "the server at SERVER closed the connection during the TLS handshake; check that this port speaks TLS",
        ),
    ] {
        let server = serve_bytes(bytes).await;
        let error = dial(&trusting, "localhost", &server).await;
        assert_eq!(error.kind(), ErrorKind::Tls, "{error:?}");
        assert_eq!(format!("{error:#}"), expected.replace("SERVER", &format!("localhost:{}", server.port)));
        assert!(error.kind().is_network());
    }
}

#[tokio::test]
async fn fault_38_every_dial_verifies_the_certificate_again() {
    let (before, after) = (Authority::new(), Authority::new());
    let trusting = trusting(&before);
    let error = dial(&trusting, "localhost", &before.serve("localhost", |_| {}).await).await;
    assert_eq!(error.kind(), ErrorKind::Refused, "the TLS handshake failed: {error:?}");
    // A resumed session or other remembered state must not replace the verification.
    let error = dial(&trusting, "localhost", &after.serve("localhost", |_| {}).await).await;
    assert_eq!(error.kind(), ErrorKind::Certificate, "{error:?}");
}

#[tokio::test]
async fn fault_41_a_redirect_to_clear_text_is_refused_and_not_followed() {
    let authority = Authority::new();
    let elsewhere = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    for scheme in ["ws", "http"] {
        let location = format!("Location: {scheme}://{}/ws", elsewhere.local_addr().unwrap());
        let response = format!("HTTP/1.1 302 Found\r\n{location}\r\nContent-Length: 0\r\n\r\n");
        let server = authority.serve_response("localhost", |_| {}, response).await;
        let error = dial(&trusting(&authority), "localhost", &server).await;
        assert_eq!(error.refusal().unwrap().status, http::StatusCode::FOUND, "{error:?}");
    }
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn an_authority_added_after_a_dial_is_trusted_by_later_dials() {
    let (first, second) = (Authority::new(), Authority::new());
    let server = second.serve("localhost", |_| {}).await;
    let connector = trusting(&first);
    let error = dial(&connector, "localhost", &server).await;
    assert_eq!(error.kind(), ErrorKind::Certificate, "{error:?}");
    let both = connector.clone().with_extra_roots(second.pem()).unwrap();
    let error = dial(&both, "localhost", &server).await;
    assert_eq!(error.kind(), ErrorKind::Refused, "the TLS handshake failed: {error:?}");
    let error = dial(&connector, "localhost", &server).await;
    assert_eq!(error.kind(), ErrorKind::Certificate, "the clone changed the original connector: {error:?}");
}

#[tokio::test]
async fn fault_09_a_stalled_tls_handshake_ends_at_the_deadline() {
    const DEADLINE: Duration = Duration::from_secs(10);
    let connector = trusting(&Authority::new());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("wss://{}/ws", listener.local_addr().unwrap()).parse().unwrap();
    let began = Instant::now();
    let stall = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        // The handshake has begun, so only the deadline remains, and time can advance automatically.
        tokio::time::pause();
        stream
    };
    let dial = timeout(2 * DEADLINE, connector.connect(Request::new(url).with_deadline(DEADLINE)));
    let (dialed, _stream) = tokio::join!(dial, stall);
    let dialed = dialed.expect("the dial ends at its deadline");
    let error = dialed.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
    let address = listener.local_addr().unwrap();
    assert_eq!(error.to_string(), format!("no TLS connection with {address} within 10 s"));
    assert_eq!(began.elapsed().as_secs(), DEADLINE.as_secs());
}

/// The test runs itself in another process, because environment variables set the location of the platform's
/// root certificates.
#[cfg(target_os = "linux")]
#[test]
fn the_error_for_missing_ca_certificates_says_how_to_install_them() {
    const IN_CHILD_PROCESS: &str = "BITOPRO_TEST_WITHOUT_CA_CERTIFICATES";
    if std::env::var_os(IN_CHILD_PROCESS).is_none() {
        let test_binary = std::env::current_exe().unwrap();
        let child = std::process::Command::new(test_binary)
            .args(["--exact", "tls::the_error_for_missing_ca_certificates_says_how_to_install_them"])
            .env(IN_CHILD_PROCESS, "1")
            .env("SSL_CERT_FILE", "/nonexistent")
            .env("SSL_CERT_DIR", "/nonexistent")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && output.contains("1 passed"), "{output}");
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let authority = Authority::new();
        let server = authority.serve("localhost", |_| {}).await;
        let url = format!("wss://localhost:{}/ws", server.port).parse().unwrap();
        let dialed = TungsteniteConnector::new().connect(Request::new(url)).await;
        let error = dialed.map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setup, "{error:?}");
        assert!(!error.kind().is_network());
        assert!(error.to_string().contains("`ca-certificates`"), "{error}");
        let error = dial(&trusting(&authority), "localhost", &server).await;
        assert_eq!(error.kind(), ErrorKind::Refused, "an added root is not sufficient: {error:?}");
    });
}

#[test]
fn pem_without_a_valid_certificate_is_rejected() {
    let valid = Authority::new().pem();
    let invalid = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let none = "the PEM text contains no certificate (no `BEGIN CERTIFICATE` line)";
    for (pem, expected) in [
        ("", none),
        ("hello", none),
        (invalid, "certificate 1 is not a valid X.509 certificate"),
        (&format!("{valid}{invalid}"), "certificate 2 is not a valid X.509 certificate"),
        (&invalid.replace("AAAA", "*"), "invalid PEM: base64 decode error"),
    ] {
        let error = TungsteniteConnector::new().with_extra_roots(pem).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}
