//! Secrets never appear in logs of any level, in `Debug` output or in errors.

use std::error::Error as _;
use std::fmt::Write as _;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use bitopro_transport::{
    Connector, Error, ErrorKind, Frame, HttpClient, HyperClient, Request, TungsteniteConnector, memory,
};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio_rustls::TlsAcceptor;

use super::proxies::fake::{self, CONNECTED, FakeProxy, Protocol};
use super::raw::{Behaviour, server};
use super::tls::Authority;

/// The text that every secret of this test contains.
const MARK: &str = "n0b0dy";

/// The login of the proxies, which contains the mark, and its encoding in HTTP.
const LOGIN: &str = "me-n0b0dy:pass-n0b0dy";
const LOGIN_IN_HTTP: &str = "bWUtbjBiMGR5OnBhc3MtbjBiMGR5";

/// The output of `log` and `tracing` of the whole process, at every level.
static LOGGED: Mutex<String> = Mutex::new(String::new());

struct LogSink;

impl log::Log for LogSink {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        writeln!(LOGGED.lock().unwrap(), "{} {} {}", record.level(), record.target(), record.args()).unwrap();
    }

    fn flush(&self) {}
}

struct TracingSink;

impl io::Write for TracingSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.lock().unwrap().push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn capture_all_logs() {
    log::set_boxed_logger(Box::new(LogSink)).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(|| TracingSink)
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
}

fn request(url: &str) -> Request {
    let mut request = Request::new(url.parse().unwrap());
    for name in ["X-BITOPRO-APIKEY", "X-BITOPRO-PAYLOAD", "X-BITOPRO-SIGNATURE"] {
        request = request.with_header(name, &format!("{MARK}-{name}")).unwrap();
    }
    request
}

/// Returns the error of the dial, or of the connection after one frame in each direction.
async fn failure(connector: &dyn Connector, request: Request) -> Error {
    let mut connection = match connector.connect(request).await {
        Ok(connection) => connection,
        Err(error) => return error,
    };
    assert_eq!(connection.next().await.unwrap().unwrap(), Frame::text("hello"));
    connection.send(Frame::text("hello")).await.unwrap();
    connection.next().await.unwrap().unwrap_err()
}

fn assert_shows_no_secret(error: &Error) {
    let mut shown = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        write!(shown, " {error} {error:?} {error:#?}").unwrap();
        source = error.source();
    }
    assert!(!contains_secret(&shown), "a secret is in an error: {shown}");
}

fn contains_secret(text: &str) -> bool {
    text.contains(MARK) || text.contains(LOGIN_IN_HTTP)
}

/// Dials through proxies that require a login, once for each behaviour of a proxy.
async fn fail_through_proxies(authority: &Authority) -> TungsteniteConnector {
    let tls = TlsAcceptor::from(authority.config("exchange.test", |_| {}));
    let mut connector = TungsteniteConnector::new();
    for (protocol, scheme, login, refusal) in [
        (Protocol::Http, "http", LOGIN_IN_HTTP, "HTTP/1.1 407 No\r\nX-Echo: n0b0dy\r\n\r\n{head}"),
        (Protocol::Http, "http", LOGIN_IN_HTTP, "HTTP/1.1 502 No\r\nX-Echo: n0b0dy\r\n\r\n{head}"),
        (Protocol::Http, "http", LOGIN_IN_HTTP, "not HTTP, but {head}"),
        (Protocol::Socks5, "socks5h", LOGIN, "\x05\x02\x01\x01"),
        (Protocol::Socks5, "socks5h", LOGIN, "n0b0dy"),
    ] {
        let port = server(Behaviour::Upgrade, Some(tls.clone())).await;
        for (behaviour, kind) in [
            (fake::Behaviour::Connect(CONNECTED, port), ErrorKind::Disconnected),
            (fake::Behaviour::Respond(refusal.to_owned()), ErrorKind::Proxy),
            (fake::Behaviour::Drop, ErrorKind::Proxy),
            (fake::Behaviour::Hang, ErrorKind::TimedOut),
        ] {
            let is_hanging = matches!(behaviour, fake::Behaviour::Hang);
            let mut proxy = FakeProxy::start(protocol, behaviour).await;
            let url = format!("{scheme}://{LOGIN}@{}", proxy.address);
            connector = TungsteniteConnector::new().with_extra_roots(authority.pem()).unwrap();
            connector = connector.with_proxy(url.parse().unwrap());
            let deadline = if is_hanging { 50 } else { 10_000 };
            let request = request(&format!("wss://exchange.test/ws?token={MARK}"));
            let error = failure(&connector, request.with_deadline(Duration::from_millis(deadline))).await;
            assert_eq!(error.kind(), kind, "{error:?}");
            assert_shows_no_secret(&error);
            if kind == ErrorKind::Disconnected {
                let received = proxy.request().await;
                assert!(received.contains(login), "the proxy did not receive the login: {received}");
            }
        }
    }
    connector
}

fn http_request(url: &str) -> http::Request<Bytes> {
    let mut request = http::Request::post(url);
    for name in ["X-BITOPRO-APIKEY", "X-BITOPRO-PAYLOAD", "X-BITOPRO-SIGNATURE"] {
        request = request.header(name, format!("{MARK}-{name}"));
    }
    request.body(MARK.into()).unwrap()
}

/// Sends HTTP requests, once for each behaviour of a server. Returns the `Debug` output of the types.
async fn fail_over_http(authority: &Authority) -> String {
    let tls = TlsAcceptor::from(authority.config("localhost", |_| {}));
    let client = HyperClient::new().with_extra_roots(authority.pem()).unwrap();
    let success = "HTTP/1.1 200 OK\r\nX-Echo: n0b0dy\r\nContent-Length: 6\r\n\r\nn0b0dy";
    let redirect = "HTTP/1.1 302 Found\r\nLocation: https://n0b0dy.test/?n0b0dy\r\nContent-Length: 0\r\n\r\n";
    for (scheme, tls) in [("http", None), ("https", Some(tls))] {
        for (behaviour, kind) in [
            (Behaviour::Respond(success), None),
            (Behaviour::Respond(redirect), None),
            (
                Behaviour::Respond("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nn0b0dy"),
                Some(ErrorKind::Disconnected),
            ),
            (
                Behaviour::Respond("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nn0b0dy\r\n"),
                Some(ErrorKind::Protocol),
            ),
            (Behaviour::Respond("not HTTP, but {head}"), Some(ErrorKind::Protocol)),
            (Behaviour::Hang, Some(ErrorKind::TimedOut)),
            (Behaviour::Drop, Some(ErrorKind::Disconnected)),
        ] {
            let port = server(behaviour, tls.clone()).await;
            let request = http_request(&format!("{scheme}://localhost:{port}/v3?token={MARK}"));
            // Only the hanging server lets the deadline pass, so a short one saves time.
            let deadline = if matches!(behaviour, Behaviour::Hang) { 50 } else { 10_000 };
            let sent = client.send(request, Duration::from_millis(deadline)).await;
            let error = sent.map(|_| ()).err();
            assert_eq!(error.as_ref().map(Error::kind), kind, "{scheme} {behaviour:?}: {error:?}");
            if let Some(error) = error {
                assert_shows_no_secret(&error);
            }
        }
    }
    for (url, kind) in [
        (format!("http://api.example/v3?token={MARK}"), ErrorKind::InsecureUrl),
        (format!("https://me:{MARK}@api.example/v3"), ErrorKind::InvalidRequest),
        (format!("/v3?token={MARK}"), ErrorKind::InvalidRequest),
    ] {
        let error = client.send(http_request(&url), Duration::from_secs(10)).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
        assert_shows_no_secret(&error);
    }

    let (memory_client, mut memory_server) = memory::http_network();
    let request = http_request(&format!("https://me:{MARK}@localhost/v3?token={MARK}"));
    let (_, incoming) = tokio::join!(memory_client.send(request, Duration::from_secs(10)), async {
        let incoming = memory_server.next_request().await.unwrap();
        format!("{incoming:?} {incoming:#?}")
    });
    format!("{incoming} {client:?} {client:#?} {memory_client:?} {memory_server:?}")
}

#[tokio::test]
async fn secrets_are_neither_shown_nor_logged() {
    capture_all_logs();
    let authority = Authority::new();
    let tls = TlsAcceptor::from(authority.config("localhost", |_| {}));
    let connector = TungsteniteConnector::new().with_extra_roots(authority.pem()).unwrap();
    let echo = "HTTP/1.1 401 Unauthorized\r\nX-Echo: n0b0dy\r\nConnection: close\r\n\r\n{head}";
    let redirect = "HTTP/1.1 302 Found\r\nLocation: wss://n0b0dy.test/?n0b0dy\r\nContent-Length: 0\r\n\r\n";
    for (scheme, tls) in [("ws", None), ("wss", Some(tls))] {
        for (behaviour, kind) in [
            (Behaviour::Upgrade, ErrorKind::Disconnected),
            (Behaviour::Respond("HTTP/1.1 101 Switching Protocols\r\n\r\n"), ErrorKind::Handshake),
            (Behaviour::Respond("not HTTP, but {head}"), ErrorKind::Handshake),
            (Behaviour::Respond(echo), ErrorKind::Refused),
            (Behaviour::Respond(redirect), ErrorKind::Refused),
            (Behaviour::Hang, ErrorKind::TimedOut),
            (Behaviour::Drop, ErrorKind::Disconnected),
        ] {
            let port = server(behaviour, tls.clone()).await;
            let request = request(&format!("{scheme}://localhost:{port}/ws?token={MARK}"));
            // Only the hanging server lets the deadline pass, so a short one saves time.
            let deadline = if matches!(behaviour, Behaviour::Hang) { 50 } else { 10_000 };
            let request = request.with_deadline(Duration::from_millis(deadline));
            let error = failure(&connector, request).await;
            assert_eq!(error.kind(), kind, "{scheme} {behaviour:?}: {error:?}");
            assert_shows_no_secret(&error);
        }
    }

    // Errors that the client detects: in the certificate and in the URL.
    let untrusted = TlsAcceptor::from(Authority::new().config("localhost", |_| {}));
    let port = server(Behaviour::Drop, Some(untrusted)).await;
    for (url, kind) in [
        (format!("wss://localhost:{port}/ws?token={MARK}"), ErrorKind::Certificate),
        (format!("ws://stream.example/ws?token={MARK}"), ErrorKind::InsecureUrl),
        (format!("wss://me:{MARK}@stream.example/ws"), ErrorKind::InvalidRequest),
        (format!("http://me:{MARK}@stream.example/ws?token={MARK}"), ErrorKind::InvalidRequest),
    ] {
        let error = failure(&connector, request(&url)).await;
        assert_eq!(error.kind(), kind, "{error:?}");
        assert_shows_no_secret(&error);
    }

    let proxied = fail_through_proxies(&authority).await;
    let over_http = fail_over_http(&authority).await;

    // The `Debug` output of public types.
    let request = request(&format!("wss://me:{MARK}@localhost/ws?token={MARK}"));
    let (network, mut server) = memory::network();
    let (_, dial) = tokio::join!(network.connect(request.clone()), async {
        let dial = server.next_dial().await.unwrap();
        let shown = format!("{dial:?} {dial:#?}");
        dial.accept();
        shown
    });
    let shown = format!(
        "{over_http} {dial} {request:?} {request:#?} {connector:?} {proxied:?} {network:?} {server:?}"
    );
    assert!(!contains_secret(&shown), "a secret is in `Debug` output: {shown}");

    tracing::trace!("tracing is captured");
    let logged = LOGGED.lock().unwrap();
    for expected in [
        "tracing is captured",
        "TRACE tungstenite",
        "DEBUG rustls_platform_verifier",
        "hyper_util",
        "TCP connected address=localhost:",
        "tunnel opened proxy=http://",
        "TLS established address=exchange.test:443 version=\"TLSv1_3\"",
        "upgrade accepted",
        "upgrade refused status=302",
        "response received address=localhost:",
        "hyper_util::client::legacy",
    ] {
        assert!(logged.contains(expected), "`{expected}` is missing in the log:\n{logged}");
    }
    assert!(!contains_secret(&logged), "a secret was logged:\n{logged}");
}
