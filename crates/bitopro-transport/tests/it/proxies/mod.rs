//! Dials through proxies, over real sockets.

pub(crate) mod fake;

use std::error::Error as _;
use std::time::Duration;

use bitopro_transport::{Connection, Connector, Error, ErrorKind, Frame, Request, TungsteniteConnector};
use futures_util::StreamExt;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use super::raw::{self, server};
use super::tls::Authority;
use fake::{Behaviour, CONNECTED, FakeProxy, Protocol};

const PROTOCOLS: [(Protocol, &str); 2] = [(Protocol::Http, "http"), (Protocol::Socks5, "socks5h")];

/// The URL of the server. Only the proxy can resolve its name.
const EXCHANGE: &str = "wss://exchange.test:9443/ws";

fn through(proxy: &FakeProxy, scheme_and_login: &str) -> TungsteniteConnector {
    TungsteniteConnector::new().with_proxy(format!("{scheme_and_login}{}", proxy.address).parse().unwrap())
}

async fn dial(connector: &TungsteniteConnector) -> Result<Box<dyn Connection>, Error> {
    let request = Request::new(EXCHANGE.parse().unwrap()).with_header("X-BITOPRO-APIKEY", "s1gned").unwrap();
    connector.connect(request).await
}

/// Returns the error of a dial through a proxy with this behaviour.
async fn failure(protocol: Protocol, scheme_and_login: &str, behaviour: Behaviour) -> Error {
    let proxy = FakeProxy::start(protocol, behaviour).await;
    let error = dial(&through(&proxy, scheme_and_login)).await.map(|_| ()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    error
}

/// Asserts that the error is a network error of the proxy, not a refusal by the server, and contains this
/// text.
fn assert_proxy_error(error: &Error, part: &str) {
    assert_eq!(error.kind(), ErrorKind::Proxy, "{error:?}");
    assert!(error.kind().is_network() && error.refusal().is_none(), "{error:?}");
    assert!(error.to_string().contains(part), "`{part}` is missing in: {error}");
}

fn authority() -> (Authority, TlsAcceptor) {
    let authority = Authority::new();
    let tls = TlsAcceptor::from(authority.config("exchange.test", |_| {}));
    (authority, tls)
}

#[tokio::test]
async fn a_stream_through_a_proxy_is_encrypted_end_to_end() {
    let (authority, tls) = authority();
    for (protocol, url, request) in [
        (
            Protocol::Http,
            "http://",
            "CONNECT exchange.test:9443 HTTP/1.1\r\nhost: exchange.test:9443\r\n\r\n",
        ),
        (
            Protocol::Http,
            "http://me:s%40crt@",
            "CONNECT exchange.test:9443 HTTP/1.1\r\nhost: exchange.test:9443\r\n\
             proxy-authorization: Basic bWU6c0BjcnQ=\r\n\r\n",
        ),
        (Protocol::Socks5, "socks5h://", "exchange.test:9443"),
        (Protocol::Socks5, "socks5://", "exchange.test:9443"),
        (Protocol::Socks5, "socks5h://me:s%40crt@", "me:s@crt@exchange.test:9443"),
    ] {
        let port = server(raw::Behaviour::Upgrade, Some(tls.clone())).await;
        let mut proxy = FakeProxy::start(protocol, Behaviour::Connect(CONNECTED, port)).await;
        let connector = through(&proxy, url).with_extra_roots(authority.pem()).unwrap();
        let mut connection = dial(&connector).await.unwrap();
        assert_eq!(connection.next().await.unwrap().unwrap(), Frame::text("hello"));
        assert_eq!(proxy.request().await, request);
        let tunnelled = String::from_utf8_lossy(&proxy.tunnelled()).into_owned();
        assert!(tunnelled.len() > 100, "no TLS handshake passed through the proxy");
        for text in ["s1gned", "GET ", "s@crt", "bWU6c0BjcnQ="] {
            assert!(!tunnelled.contains(text), "`{text}` passed {url} unencrypted");
        }
    }
}

#[tokio::test]
async fn equivalent_successful_responses_are_accepted() {
    let (authority, tls) = authority();
    for response in [
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nProxy-Agent: it\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        let port = server(raw::Behaviour::Upgrade, Some(tls.clone())).await;
        let proxy = FakeProxy::start(Protocol::Http, Behaviour::Connect(response, port)).await;
        let connector = through(&proxy, "http://").with_extra_roots(authority.pem()).unwrap();
        let mut connection = dial(&connector).await.unwrap_or_else(|error| panic!("{response}: {error:?}"));
        assert_eq!(connection.next().await.unwrap().unwrap(), Frame::text("hello"));
    }
}

#[tokio::test]
async fn the_certificate_is_verified_through_a_proxy() {
    let (authority, _) = authority();
    let elsewhere = TlsAcceptor::from(authority.config("elsewhere.test", |_| {}));
    for (protocol, scheme) in PROTOCOLS {
        let port = server(raw::Behaviour::Upgrade, Some(elsewhere.clone())).await;
        let proxy = FakeProxy::start(protocol, Behaviour::Connect(CONNECTED, port)).await;
        let connector = through(&proxy, &format!("{scheme}://")).with_extra_roots(authority.pem()).unwrap();
        let error = dial(&connector).await.map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Certificate, "{error:?}");
    }
}

#[tokio::test]
async fn a_clear_text_dial_to_this_machine_uses_no_proxy() {
    let port = server(raw::Behaviour::Upgrade, None).await;
    let unreachable = "http://127.0.0.1:9".parse().unwrap();
    let request = Request::new(format!("ws://127.0.0.1:{port}/ws").parse().unwrap());
    let connection = TungsteniteConnector::new().with_proxy(unreachable).connect(request).await;
    assert!(connection.is_ok(), "{:?}", connection.map(|_| ()));
}

#[tokio::test]
async fn the_last_proxy_setting_applies() {
    let (authority, tls) = authority();
    let port = server(raw::Behaviour::Upgrade, Some(tls)).await;
    let proxy = FakeProxy::start(Protocol::Http, Behaviour::Connect(CONNECTED, port)).await;
    let unreachable = "http://127.0.0.1:9".parse().unwrap();
    let connector = TungsteniteConnector::new().with_proxy(unreachable).without_proxy();
    let connector = connector.with_proxy(format!("http://{}", proxy.address).parse().unwrap());
    assert!(dial(&connector.clone().with_extra_roots(authority.pem()).unwrap()).await.is_ok());
    let request = Request::new(format!("wss://{}/ws", proxy.address).parse().unwrap());
    let direct = connector.without_proxy().with_extra_roots(authority.pem()).unwrap();
    // The direct dial goes to the stopped proxy's own address, so it cannot connect.
    drop(proxy);
    let error = direct.connect(request).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
}

#[tokio::test]
async fn fault_39_a_proxy_that_requires_a_password_is_a_typed_error() {
    let needed = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\
                  Content-Length: 4\r\n\r\nhush";
    let unauthorized = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    for response in [needed, unauthorized] {
        let error = failure(Protocol::Http, "http://", Behaviour::Respond(response.to_owned())).await;
        assert_proxy_error(&error, "requires a user name and password");
        assert_proxy_error(&error, "http://user:password@host:port");
        let error =
            failure(Protocol::Http, "http://hush:hush@", Behaviour::Respond(response.to_owned())).await;
        assert_proxy_error(&error, "rejected the user name and password");
    }
    for (url, response, part) in [
        // The proxy accepts none of the offered methods, or requires a login that was not offered.
        ("socks5h://", "\x05\u{ff}", "socks5h://user:password@host:port"),
        ("socks5h://", "\x05\x02", "socks5h://user:password@host:port"),
        ("socks5h://hush:hush@", "\x05\u{ff}", "rejected the user name and password"),
        ("socks5h://hush:hush@", "\x05\x02\x01\x01", "rejected the user name and password"),
    ] {
        let error = failure(Protocol::Socks5, url, Behaviour::Respond(response.to_owned())).await;
        assert_proxy_error(&error, part);
        assert!(error.source().is_some());
    }
}

#[tokio::test]
async fn fault_39_a_proxy_that_refuses_is_a_typed_error() {
    let large = format!("HTTP/1.1 200 OK\r\nX-Filler: {}\r\n\r\n", "x".repeat(20_000));
    for (response, part) in [
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nhush",
            "exchange.test:9443: HTTP 403; check that it allows this host and port",
        ),
        ("HTTP/1.1 502 Bad Gateway\r\nX-Echo: hush\r\n\r\n", "exchange.test:9443: HTTP 502 Bad Gateway"),
        ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/hush\r\n\r\n", "HTTP 302 Found"),
        ("HTTP/1.1 204 No Content\r\n\r\n", "HTTP 204 No Content"),
        ("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", "HTTP 101"),
        ("SSH-2.0-OpenSSH_9.6\r\n", "sent an invalid response"),
        ("\x05\x00", ""),
        (large.as_str(), "sent an invalid response"),
        ("HTTP/1.1 200 OK\r\n\r\nhush", "before the TLS handshake"),
        ("HTTP/1.1 200 OK\r\n", "closed the connection"),
        ("", "closed the connection"),
    ] {
        let error =
            failure(Protocol::Http, "http://hush:hush@", Behaviour::Respond(response.to_owned())).await;
        assert_proxy_error(&error, part);
    }
    for reply in 1..=9_u8 {
        let response = format!("\x05\0\x05{}\0\x01\0\0\0\0\0\0", char::from(reply));
        let error = failure(Protocol::Socks5, "socks5h://", Behaviour::Respond(response)).await;
        assert_proxy_error(&error, "did not connect to exchange.test:9443");
        assert!(error.source().is_some());
    }
    for response in ["\x04\0", "\x05\0\x05", "HTTP/1.1 400 Bad Request\r\n\r\n", ""] {
        let error =
            failure(Protocol::Socks5, "socks5h://hush:hush@", Behaviour::Respond(response.to_owned())).await;
        assert_proxy_error(&error, "did not connect to exchange.test:9443");
    }
    for (protocol, scheme) in PROTOCOLS {
        let error = failure(protocol, &format!("{scheme}://hush:hush@"), Behaviour::Drop).await;
        assert_proxy_error(&error, "exchange.test:9443");
    }
}

#[tokio::test]
async fn fault_39_an_unreachable_proxy_is_a_typed_error() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for (_, scheme) in PROTOCOLS {
        let proxy = format!("{scheme}://hush:hush@{address}").parse().unwrap();
        let error = dial(&TungsteniteConnector::new().with_proxy(proxy)).await.map(|_| ()).unwrap_err();
        assert_proxy_error(&error, &format!("the proxy {scheme}://{address} could not be reached"));
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    }
}

async fn assert_hanging_proxy_times_out(protocol: Protocol, scheme: &str) {
    const DEADLINE: Duration = Duration::from_secs(10);
    let began = Instant::now();
    let proxy = FakeProxy::start(protocol, Behaviour::HangAndPauseTime).await;
    let request = Request::new(EXCHANGE.parse().unwrap()).with_deadline(DEADLINE);
    let connector = through(&proxy, &format!("{scheme}://hush:hush@"));
    let dialed =
        timeout(2 * DEADLINE, connector.connect(request)).await.expect("the dial ends at its deadline");
    let error = dialed.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
    let message =
        format!("the proxy {scheme}://{} did not connect to exchange.test:9443 within 10 s", proxy.address);
    assert_eq!(error.to_string(), message);
    assert_eq!(began.elapsed().as_secs(), DEADLINE.as_secs());
}

#[tokio::test]
async fn fault_39_a_dial_through_a_hanging_http_proxy_ends_at_the_deadline() {
    assert_hanging_proxy_times_out(Protocol::Http, "http").await;
}

#[tokio::test]
async fn fault_39_a_dial_through_a_hanging_socks5_proxy_ends_at_the_deadline() {
    assert_hanging_proxy_times_out(Protocol::Socks5, "socks5h").await;
}

#[tokio::test]
async fn fault_39_a_proxy_that_stops_during_a_connection_is_a_lost_connection() {
    let (authority, tls) = authority();
    for (protocol, scheme) in PROTOCOLS {
        let port = server(raw::Behaviour::Upgrade, Some(tls.clone())).await;
        let proxy = FakeProxy::start(protocol, Behaviour::Connect(CONNECTED, port)).await;
        let connector = through(&proxy, &format!("{scheme}://")).with_extra_roots(authority.pem()).unwrap();
        let mut connection = dial(&connector).await.unwrap();
        assert_eq!(connection.next().await.unwrap().unwrap(), Frame::text("hello"));
        proxy.stop();
        let error = connection.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
        assert!(error.kind().is_network());
        assert!(connection.next().await.is_none());
    }
}
