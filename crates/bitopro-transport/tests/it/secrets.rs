//! What is signed shows nowhere: in no log at any level, no `Debug`, no error.

use std::error::Error as _;
use std::fmt::Write as _;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use bitopro_transport::{Connector, Error, ErrorKind, Frame, Request, TungsteniteConnector, memory};
use futures_util::StreamExt;
use tokio_rustls::TlsAcceptor;

use super::proxies::fake::{self, FakeProxy, Speaks, YES};
use super::raw::{Does, server};
use super::tls::Authority;

/// The part that every secret of this test has.
const MARK: &str = "n0b0dy";

/// The login of the proxies, whose user and password have the mark as well, as HTTP writes it.
const LOGIN: &str = "me-n0b0dy:pass-n0b0dy";
const LOGIN_IN_HTTP: &str = "bWUtbjBiMGR5OnBhc3MtbjBiMGR5";

/// What `log` and `tracing` gave, at every level, in all of the process.
static SEEN: Mutex<String> = Mutex::new(String::new());

struct Log;

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        writeln!(SEEN.lock().unwrap(), "{} {} {}", record.level(), record.target(), record.args()).unwrap();
    }

    fn flush(&self) {}
}

struct Tracing;

impl io::Write for Tracing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SEEN.lock().unwrap().push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn watch_everything() {
    log::set_boxed_logger(Box::new(Log)).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(|| Tracing)
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

/// The error that ends a dial, or the connection after a frame in each direction.
async fn failure(connector: &dyn Connector, request: Request) -> Error {
    let mut connection = match connector.connect(request).await {
        Ok(connection) => connection,
        Err(error) => return error,
    };
    assert_eq!(connection.next().await.unwrap().unwrap(), Frame::text("hello"));
    connection.send(Frame::text("hello")).await.unwrap();
    connection.next().await.unwrap().unwrap_err()
}

fn note(error: &Error) {
    let mut shown = format!("{error} {error:?} {error:#?}");
    let mut source = error.source();
    while let Some(error) = source {
        write!(shown, " {error} {error:?} {error:#?}").unwrap();
        source = error.source();
    }
    assert!(!shows_a_secret(&shown), "a secret is in an error: {shown}");
}

fn shows_a_secret(text: &str) -> bool {
    text.contains(MARK) || text.contains(LOGIN_IN_HTTP)
}

/// Dials through proxies that want a login, and do each of the things that proxies do.
async fn fail_through_proxies(authority: &Authority) -> TungsteniteConnector {
    let tls = TlsAcceptor::from(authority.config("exchange.test", |_| {}));
    let mut connector = TungsteniteConnector::new();
    for (speaks, scheme, asked, refusal) in [
        (Speaks::Http, "http", LOGIN_IN_HTTP, "HTTP/1.1 407 No\r\nX-Echo: n0b0dy\r\n\r\n{head}"),
        (Speaks::Http, "http", LOGIN_IN_HTTP, "HTTP/1.1 502 No\r\nX-Echo: n0b0dy\r\n\r\n{head}"),
        (Speaks::Http, "http", LOGIN_IN_HTTP, "no HTTP, but {head}"),
        (Speaks::Socks5, "socks5h", LOGIN, "\x05\x02\x01\x01"),
        (Speaks::Socks5, "socks5h", LOGIN, "n0b0dy"),
    ] {
        let port = server(Does::Open, Some(tls.clone())).await;
        for (does, kind) in [
            (fake::Does::Connect(YES, port), ErrorKind::Disconnected),
            (fake::Does::Answer(refusal.to_owned()), ErrorKind::Proxy),
            (fake::Does::Drop, ErrorKind::Proxy),
            (fake::Does::Hang, ErrorKind::TimedOut),
        ] {
            let is_hanging = matches!(does, fake::Does::Hang);
            let mut proxy = FakeProxy::start(speaks, does).await;
            let url = format!("{scheme}://{LOGIN}@{}", proxy.address);
            connector = TungsteniteConnector::new().with_extra_roots(authority.pem()).unwrap();
            connector = connector.with_proxy(url.parse().unwrap());
            let deadline = if is_hanging { 50 } else { 10_000 };
            let request = request(&format!("wss://exchange.test/ws?token={MARK}"));
            let error = failure(&connector, request.with_deadline(Duration::from_millis(deadline))).await;
            assert_eq!(error.kind(), kind, "{error:?}");
            note(&error);
            if kind == ErrorKind::Disconnected {
                let seen = proxy.asked().await;
                assert!(seen.contains(asked), "the login did not get to the proxy: {seen}");
            }
        }
    }
    connector
}

#[tokio::test]
async fn nothing_that_is_signed_is_shown_or_logged() {
    watch_everything();
    let authority = Authority::new();
    let tls = TlsAcceptor::from(authority.config("localhost", |_| {}));
    let connector = TungsteniteConnector::new().with_extra_roots(authority.pem()).unwrap();
    let echo = "HTTP/1.1 401 Unauthorized\r\nX-Echo: n0b0dy\r\nConnection: close\r\n\r\n{head}";
    let redirect = "HTTP/1.1 302 Found\r\nLocation: wss://n0b0dy.test/?n0b0dy\r\nContent-Length: 0\r\n\r\n";
    for (scheme, tls) in [("ws", None), ("wss", Some(tls))] {
        for (does, kind) in [
            (Does::Open, ErrorKind::Disconnected),
            (Does::Answer("HTTP/1.1 101 Switching Protocols\r\n\r\n"), ErrorKind::Handshake),
            (Does::Answer("no HTTP, but {head}"), ErrorKind::Handshake),
            (Does::Answer(echo), ErrorKind::Refused),
            (Does::Answer(redirect), ErrorKind::Refused),
            (Does::Nothing, ErrorKind::TimedOut),
            (Does::Drop, ErrorKind::Disconnected),
        ] {
            let port = server(does, tls.clone()).await;
            let request = request(&format!("{scheme}://localhost:{port}/ws?token={MARK}"));
            // The one case that has to wait, and waits no longer than this.
            let deadline = if matches!(does, Does::Nothing) { 50 } else { 10_000 };
            let request = request.with_deadline(Duration::from_millis(deadline));
            let error = failure(&connector, request).await;
            assert_eq!(error.kind(), kind, "{scheme} {does:?}: {error:?}");
            note(&error);
        }
    }

    // Refused on this side: the certificate, the URL.
    let stranger = TlsAcceptor::from(Authority::new().config("localhost", |_| {}));
    let port = server(Does::Drop, Some(stranger)).await;
    for (url, kind) in [
        (format!("wss://localhost:{port}/ws?token={MARK}"), ErrorKind::Certificate),
        (format!("ws://stream.example/ws?token={MARK}"), ErrorKind::InsecureUrl),
        (format!("wss://me:{MARK}@stream.example/ws"), ErrorKind::InvalidRequest),
        (format!("http://me:{MARK}@stream.example/ws?token={MARK}"), ErrorKind::InvalidRequest),
    ] {
        let error = failure(&connector, request(&url)).await;
        assert_eq!(error.kind(), kind, "{error:?}");
        note(&error);
    }

    let proxied = fail_through_proxies(&authority).await;

    // What can be printed.
    let request = request(&format!("wss://me:{MARK}@localhost/ws?token={MARK}"));
    let (network, mut server) = memory::network();
    let (_, dial) = tokio::join!(network.connect(request.clone()), async {
        let dial = server.next_dial().await.unwrap();
        let shown = format!("{dial:?} {dial:#?}");
        dial.accept();
        shown
    });
    let shown = format!("{dial} {request:?} {request:#?} {connector:?} {proxied:?} {network:?} {server:?}");
    assert!(!shows_a_secret(&shown), "a secret is in a `Debug`: {shown}");

    tracing::trace!("tracing is watched");
    let seen = SEEN.lock().unwrap();
    for sign in ["tracing is watched", "TRACE tungstenite", "DEBUG rustls_platform_verifier", "hyper_util"] {
        assert!(seen.contains(sign), "`{sign}` is missing in what was logged:\n{seen}");
    }
    assert!(!shows_a_secret(&seen), "a secret was logged:\n{seen}");
}
