//! TLS against certificates made here.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitopro_transport::{Connector, Error, ErrorKind, Request, TungsteniteConnector};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::io::InspectReader;

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server's side of TLS, with a certificate for this host.
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

    /// A TLS server that refuses every upgrade with 401, so that a dial that got through shows as such.
    async fn serve(&self, host: &str, adjust: impl FnOnce(&mut CertificateParams)) -> Server {
        self.answer(host, adjust, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").await
    }

    /// A TLS server that answers every upgrade like this.
    async fn answer(
        &self,
        host: &str,
        adjust: impl FnOnce(&mut CertificateParams),
        answer: impl Into<String>,
    ) -> Server {
        let (acceptor, answer) = (TlsAcceptor::from(self.config(host, adjust)), answer.into());
        Server::start(move |stream| {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.read(&mut [0; 4096]).await;
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                }
            }
        })
        .await
    }
}

/// A server that keeps every byte that reaches it, as it came over the wire.
struct Server {
    port: u16,
    received: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    async fn start<S, F>(serve: S) -> Self
    where
        S: Fn(Inspected) -> F + Send + 'static,
        F: Future<Output = ()> + Send,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let received: Arc<Mutex<Vec<u8>>> = Arc::default();
        let kept = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                let keep = move |bytes: &[u8]| kept.lock().unwrap().extend(bytes);
                serve(InspectReader::new(stream, Box::new(keep))).await;
            }
        });
        Self { port, received }
    }

    /// Something came, and it was TLS: not one word of a request, and not one of its secrets.
    fn assert_nothing_came_in_clear(&self) {
        let received = self.received.lock().unwrap();
        let is_handshake = received.starts_with(&[0x16, 0x03]);
        assert!(is_handshake, "{:?}", received.get(..16));
        let text = String::from_utf8_lossy(&received);
        for word in ["GET", "HTTP", "ebsocket", "bitopro", SECRET] {
            assert!(!text.contains(word), "{word} is in {text:?}");
        }
    }
}

type Inspected = InspectReader<TcpStream, Box<dyn FnMut(&[u8]) + Send>>;

const SECRET: &str = "n0b0dy";

async fn dial(connector: &TungsteniteConnector, host: &str, server: &Server) -> Error {
    let request = Request::new(format!("wss://{host}:{}/ws", server.port).parse().unwrap());
    let request = request.with_header("X-BITOPRO-SIGNATURE", SECRET).unwrap();
    let error = connector.connect(request).await.map(|_| ()).unwrap_err();
    server.assert_nothing_came_in_clear();
    error
}

fn trusting(authority: &Authority) -> TungsteniteConnector {
    TungsteniteConnector::new().with_extra_roots(authority.pem()).unwrap()
}

#[tokio::test]
async fn an_added_authority_is_trusted_by_name_and_by_address() {
    let authority = Authority::new();
    for host in ["localhost", "127.0.0.1"] {
        let server = authority.serve(host, |_| {}).await;
        let error = dial(&trusting(&authority), host, &server).await;
        assert_eq!(error.kind(), ErrorKind::Refused, "TLS did not come about: {error:?}");
    }
}

#[tokio::test]
async fn fault_38_a_certificate_that_is_not_acceptable_is_a_certificate_error() {
    let authority = Authority::new();
    let trusting = trusting(&authority);
    let expired = authority.serve("localhost", |params| params.not_after = date_time_ymd(2001, 1, 1)).await;
    let early = authority.serve("localhost", |params| params.not_before = date_time_ymd(2999, 1, 1)).await;
    let other_host = authority.serve("example.test", |_| {}).await;
    let unknown = Authority::new().serve("localhost", |_| {}).await;
    for (case, server) in
        [("expired", expired), ("early", early), ("other host", other_host), ("unknown", unknown)]
    {
        let error = dial(&trusting, "localhost", &server).await;
        assert_eq!(error.kind(), ErrorKind::Certificate, "{case}: {error:?}");
        assert!(error.kind().is_network());
    }
}

/// A server that says this, once it has heard the client's greeting.
async fn saying(bytes: Vec<u8>) -> Server {
    let bytes: Arc<[u8]> = bytes.into();
    Server::start(move |mut stream| {
        let bytes = Arc::clone(&bytes);
        async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            // Whatever else the client sends.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    })
    .await
}

#[tokio::test]
async fn fault_38_a_server_that_speaks_no_tls_or_an_old_one_is_a_tls_error() {
    let trusting = trusting(&Authority::new());
    // Of TLS 1.1, RFC 4346: a hello with a random of 32 bytes, no session, and AES-128-CBC-SHA; and the alert of a
    // server that has nothing newer, protocol_version.
    let hello = [&[2, 0, 0, 38, 3, 2][..], &[7; 32], &[0, 0, 0x2f, 0]].concat();
    let old_hello = [&[0x16, 3, 2, 0, 42][..], &hello].concat();
    let alert = vec![0x15, 3, 2, 0, 2, 2, 70];
    for (case, says) in [
        ("no TLS", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("TLS 1.1", old_hello),
        ("an alert for want of TLS 1.1", alert),
        ("nothing, and the end", Vec::new()),
    ] {
        let error = dial(&trusting, "localhost", &saying(says).await).await;
        assert_eq!(error.kind(), ErrorKind::Tls, "{case}: {error:?}");
        assert!(error.kind().is_network());
    }
}

#[tokio::test]
async fn fault_38_a_certificate_of_another_authority_at_the_next_dial_is_a_certificate_error() {
    let (before, after) = (Authority::new(), Authority::new());
    let trusting = trusting(&before);
    let error = dial(&trusting, "localhost", &before.serve("localhost", |_| {}).await).await;
    assert_eq!(error.kind(), ErrorKind::Refused, "TLS did not come about: {error:?}");
    // No session that is resumed, nor anything else that is remembered, makes up for the certificate.
    let error = dial(&trusting, "localhost", &after.serve("localhost", |_| {}).await).await;
    assert_eq!(error.kind(), ErrorKind::Certificate, "{error:?}");
}

#[tokio::test]
async fn fault_41_a_redirect_into_clear_text_is_refused_and_nothing_follows_it() {
    let authority = Authority::new();
    let elsewhere = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    for scheme in ["ws", "http"] {
        let to = format!("Location: {scheme}://{}/ws", elsewhere.local_addr().unwrap());
        let answer = format!("HTTP/1.1 302 Found\r\n{to}\r\nContent-Length: 0\r\n\r\n");
        let server = authority.answer("localhost", |_| {}, answer).await;
        let error = dial(&trusting(&authority), "localhost", &server).await;
        assert_eq!(error.refusal().unwrap().status, http::StatusCode::FOUND, "{error:?}");
    }
    assert_eq!(elsewhere.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn an_authority_that_is_added_after_a_dial_is_trusted_from_then_on() {
    let (first, second) = (Authority::new(), Authority::new());
    let server = second.serve("localhost", |_| {}).await;
    let connector = trusting(&first);
    let error = dial(&connector, "localhost", &server).await;
    assert_eq!(error.kind(), ErrorKind::Certificate, "{error:?}");
    let both = connector.clone().with_extra_roots(second.pem()).unwrap();
    let error = dial(&both, "localhost", &server).await;
    assert_eq!(error.kind(), ErrorKind::Refused, "TLS did not come about: {error:?}");
    let error = dial(&connector, "localhost", &server).await;
    assert_eq!(error.kind(), ErrorKind::Certificate, "a clone changed what it was made from: {error:?}");
}

#[tokio::test]
async fn fault_09_a_server_that_never_speaks_tls_costs_no_more_than_the_deadline() {
    const DEADLINE: Duration = Duration::from_secs(10);
    let connector = trusting(&Authority::new());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("wss://{}/ws", listener.local_addr().unwrap()).parse().unwrap();
    let began = Instant::now();
    let silent = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        // TLS has begun: from here on, only the deadline is left to happen.
        tokio::time::pause();
        stream
    };
    let dialing = timeout(2 * DEADLINE, connector.connect(Request::new(url).with_deadline(DEADLINE)));
    let (dialed, _stream) = tokio::join!(dialing, silent);
    let dialed = dialed.expect("the deadline is kept");
    let error = dialed.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
    assert_eq!(error.to_string(), "the dial's deadline passed while setting up TLS with 127.0.0.1");
    assert_eq!(began.elapsed().as_secs(), DEADLINE.as_secs());
}

/// Where the platform's roots are is told by variables of the process, so this runs itself in another one.
#[cfg(target_os = "linux")]
#[test]
fn a_machine_without_ca_certificates_is_told_what_to_do() {
    const INSIDE: &str = "BITOPRO_TEST_WITHOUT_CA_CERTIFICATES";
    if std::env::var_os(INSIDE).is_none() {
        let itself = std::env::current_exe().unwrap();
        let ran = std::process::Command::new(itself)
            .args(["--exact", "tls::a_machine_without_ca_certificates_is_told_what_to_do"])
            .env(INSIDE, "1")
            .env("SSL_CERT_FILE", "/nonexistent")
            .env("SSL_CERT_DIR", "/nonexistent")
            .output()
            .unwrap();
        let output = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success() && output.contains("1 passed"), "{output}");
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
        assert_eq!(error.kind(), ErrorKind::Refused, "an authority of one's own is enough: {error:?}");
    });
}

#[test]
fn a_text_without_a_certificate_is_not_a_root() {
    for pem in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let error = TungsteniteConnector::new().with_extra_roots(pem).unwrap_err();
        assert!(error.to_string().starts_with("not a usable certificate: "), "{error}");
    }
}
