//! Through proxies, over real sockets.

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
use fake::{Does, FakeProxy, Speaks, YES};

const SPEAKING: [(Speaks, &str); 2] = [(Speaks::Http, "http"), (Speaks::Socks5, "socks5h")];

/// The exchange's address as everybody but the proxy may see it: nobody here could resolve the name.
const EXCHANGE: &str = "wss://exchange.test:9443/ws";

fn through(proxy: &FakeProxy, scheme_and_login: &str) -> TungsteniteConnector {
    TungsteniteConnector::new().with_proxy(format!("{scheme_and_login}{}", proxy.address).parse().unwrap())
}

async fn dial(connector: &TungsteniteConnector) -> Result<Box<dyn Connection>, Error> {
    let request = Request::new(EXCHANGE.parse().unwrap()).with_header("X-BITOPRO-APIKEY", "s1gned").unwrap();
    connector.connect(request).await
}

/// The error of a dial through a proxy that does this.
async fn failure(speaks: Speaks, scheme_and_login: &str, does: Does) -> Error {
    let proxy = FakeProxy::start(speaks, does).await;
    let error = dial(&through(&proxy, scheme_and_login)).await.map(|_| ()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    error
}

/// Trouble with the proxy is trouble of the network, and nothing that the exchange said.
fn assert_proxy(error: &Error, part: &str) {
    assert_eq!(error.kind(), ErrorKind::Proxy, "{error:?}");
    assert!(error.kind().is_network() && error.refusal().is_none(), "{error:?}");
    assert!(error.to_string().contains(part), "`{part}` is not in: {error}");
}

fn authority() -> (Authority, TlsAcceptor) {
    let authority = Authority::new();
    let tls = TlsAcceptor::from(authority.config("exchange.test", |_| {}));
    (authority, tls)
}

#[tokio::test]
async fn a_stream_through_a_proxy_is_encrypted_end_to_end() {
    let (authority, tls) = authority();
    for (speaks, url, asked) in [
        (Speaks::Http, "http://", "CONNECT exchange.test:9443 HTTP/1.1\r\nhost: exchange.test:9443\r\n\r\n"),
        (
            Speaks::Http,
            "http://me:s%40crt@",
            "CONNECT exchange.test:9443 HTTP/1.1\r\nhost: exchange.test:9443\r\n\
             proxy-authorization: Basic bWU6c0BjcnQ=\r\n\r\n",
        ),
        (Speaks::Socks5, "socks5h://", "exchange.test:9443"),
        (Speaks::Socks5, "socks5://", "exchange.test:9443"),
        (Speaks::Socks5, "socks5h://me:s%40crt@", "me:s@crt@exchange.test:9443"),
    ] {
        let port = server(raw::Does::Open, Some(tls.clone())).await;
        let mut proxy = FakeProxy::start(speaks, Does::Connect(YES, port)).await;
        let connector = through(&proxy, url).with_extra_roots(authority.pem()).unwrap();
        let mut connection = dial(&connector).await.unwrap();
        assert_eq!(connection.next().await.unwrap().unwrap(), Frame::text("hello"));
        assert_eq!(proxy.asked().await, asked);
        let passed = String::from_utf8_lossy(&proxy.passed()).into_owned();
        assert!(passed.len() > 100, "nothing passed through the proxy");
        for clear in ["s1gned", "GET ", "s@crt", "bWU6c0BjcnQ="] {
            assert!(!passed.contains(clear), "`{clear}` passed {url} in clear");
        }
    }
}

#[tokio::test]
async fn a_yes_may_be_written_in_other_ways() {
    let (authority, tls) = authority();
    for yes in [
        "HTTP/1.0 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nProxy-Agent: it\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        let port = server(raw::Does::Open, Some(tls.clone())).await;
        let proxy = FakeProxy::start(Speaks::Http, Does::Connect(yes, port)).await;
        let connector = through(&proxy, "http://").with_extra_roots(authority.pem()).unwrap();
        let mut connection = dial(&connector).await.unwrap_or_else(|error| panic!("{yes}: {error:?}"));
        assert_eq!(connection.next().await.unwrap().unwrap(), Frame::text("hello"));
    }
}

#[tokio::test]
async fn through_a_proxy_the_certificate_is_verified_as_ever() {
    let (authority, _) = authority();
    let elsewhere = TlsAcceptor::from(authority.config("elsewhere.test", |_| {}));
    for (speaks, scheme) in SPEAKING {
        let port = server(raw::Does::Open, Some(elsewhere.clone())).await;
        let proxy = FakeProxy::start(speaks, Does::Connect(YES, port)).await;
        let connector = through(&proxy, &format!("{scheme}://")).with_extra_roots(authority.pem()).unwrap();
        let error = dial(&connector).await.map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Certificate, "{error:?}");
    }
}

#[tokio::test]
async fn clear_text_on_this_machine_goes_through_no_proxy() {
    let port = server(raw::Does::Open, None).await;
    let nobody = "http://127.0.0.1:9".parse().unwrap();
    let request = Request::new(format!("ws://127.0.0.1:{port}/ws").parse().unwrap());
    let connection = TungsteniteConnector::new().with_proxy(nobody).connect(request).await;
    assert!(connection.is_ok(), "{:?}", connection.map(|_| ()));
}

#[tokio::test]
async fn the_last_word_on_proxies_counts() {
    let (authority, tls) = authority();
    let port = server(raw::Does::Open, Some(tls)).await;
    let proxy = FakeProxy::start(Speaks::Http, Does::Connect(YES, port)).await;
    let nobody = "http://127.0.0.1:9".parse().unwrap();
    let connector = TungsteniteConnector::new().with_proxy(nobody).without_proxy();
    let connector = connector.with_proxy(format!("http://{}", proxy.address).parse().unwrap());
    assert!(dial(&connector.clone().with_extra_roots(authority.pem()).unwrap()).await.is_ok());
    let request = Request::new(format!("wss://{}/ws", proxy.address).parse().unwrap());
    let direct = connector.without_proxy().with_extra_roots(authority.pem()).unwrap();
    // The proxy itself is dialled, which speaks no TLS.
    drop(proxy);
    let error = direct.connect(request).await.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
}

#[tokio::test]
async fn fault_39_a_proxy_that_wants_a_password_is_a_typed_error() {
    let needed = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\
                  Content-Length: 4\r\n\r\nhush";
    let unauthorized = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    for answer in [needed, unauthorized] {
        let error = failure(Speaks::Http, "http://", Does::Answer(answer.to_owned())).await;
        assert_proxy(&error, "wants a user name and password");
        assert_proxy(&error, "http://user:password@host:port");
        let error = failure(Speaks::Http, "http://hush:hush@", Does::Answer(answer.to_owned())).await;
        assert_proxy(&error, "does not accept the user name and password");
    }
    for (url, answer, part) in [
        // No method of those that are offered will do; a login is to be made, which was not offered.
        ("socks5h://", "\x05\u{ff}", "socks5h://user:password@host:port"),
        ("socks5h://", "\x05\x02", "socks5h://user:password@host:port"),
        ("socks5h://hush:hush@", "\x05\u{ff}", "does not accept the user name and password"),
        ("socks5h://hush:hush@", "\x05\x02\x01\x01", "does not accept the user name and password"),
    ] {
        let error = failure(Speaks::Socks5, url, Does::Answer(answer.to_owned())).await;
        assert_proxy(&error, part);
        assert!(error.source().is_some());
    }
}

#[tokio::test]
async fn fault_39_a_proxy_that_refuses_is_a_typed_error() {
    let large = format!("HTTP/1.1 200 OK\r\nX-Filler: {}\r\n\r\n", "x".repeat(20_000));
    for (answer, part) in [
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nhush", "exchange.test:9443: HTTP 403 Forbidden"),
        ("HTTP/1.1 502 Bad Gateway\r\nX-Echo: hush\r\n\r\n", "exchange.test:9443: HTTP 502 Bad Gateway"),
        ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/hush\r\n\r\n", "HTTP 302 Found"),
        ("HTTP/1.1 204 No Content\r\n\r\n", "HTTP 204 No Content"),
        ("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", "HTTP 101"),
        ("SSH-2.0-OpenSSH_9.6\r\n", "not HTTP"),
        ("\x05\x00", ""),
        (large.as_str(), "too large"),
        ("HTTP/1.1 200 OK\r\n\r\nhush", "before it connected"),
        ("HTTP/1.1 200 OK\r\n", "broke off"),
        ("", "broke off"),
    ] {
        let error = failure(Speaks::Http, "http://hush:hush@", Does::Answer(answer.to_owned())).await;
        assert_proxy(&error, part);
    }
    for reply in 1..=9_u8 {
        let answer = format!("\x05\0\x05{}\0\x01\0\0\0\0\0\0", char::from(reply));
        let error = failure(Speaks::Socks5, "socks5h://", Does::Answer(answer)).await;
        assert_proxy(&error, "does not connect to exchange.test:9443");
        assert!(error.source().is_some());
    }
    for answer in ["\x04\0", "\x05\0\x05", "HTTP/1.1 400 Bad Request\r\n\r\n", ""] {
        let error = failure(Speaks::Socks5, "socks5h://hush:hush@", Does::Answer(answer.to_owned())).await;
        assert_proxy(&error, "does not connect to exchange.test:9443");
    }
    for (speaks, scheme) in SPEAKING {
        let error = failure(speaks, &format!("{scheme}://hush:hush@"), Does::Drop).await;
        assert_proxy(&error, "exchange.test:9443");
    }
}

#[tokio::test]
async fn fault_39_a_proxy_that_is_not_there_is_a_typed_error() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for (_, scheme) in SPEAKING {
        let proxy = format!("{scheme}://hush:hush@{address}").parse().unwrap();
        let error = dial(&TungsteniteConnector::new().with_proxy(proxy)).await.map(|_| ()).unwrap_err();
        assert_proxy(&error, &format!("the proxy {scheme}://{address} cannot be reached"));
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    }
}

async fn hang(speaks: Speaks, scheme: &str) {
    const DEADLINE: Duration = Duration::from_secs(10);
    let began = Instant::now();
    let proxy = FakeProxy::start(speaks, Does::HangWithoutTime).await;
    let request = Request::new(EXCHANGE.parse().unwrap()).with_deadline(DEADLINE);
    let connector = through(&proxy, &format!("{scheme}://hush:hush@"));
    let dialed = timeout(2 * DEADLINE, connector.connect(request)).await.expect("the deadline is kept");
    let error = dialed.map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
    let message = format!(
        "the dial's deadline passed while waiting for the proxy {scheme}://{} to connect to exchange.test:9443",
        proxy.address
    );
    assert_eq!(error.to_string(), message);
    assert_eq!(began.elapsed().as_secs(), DEADLINE.as_secs());
}

#[tokio::test]
async fn fault_39_an_http_proxy_that_hangs_costs_no_more_than_the_deadline() {
    hang(Speaks::Http, "http").await;
}

#[tokio::test]
async fn fault_39_a_socks5_proxy_that_hangs_costs_no_more_than_the_deadline() {
    hang(Speaks::Socks5, "socks5h").await;
}

#[tokio::test]
async fn fault_39_a_proxy_that_dies_mid_stream_is_a_lost_connection() {
    let (authority, tls) = authority();
    for (speaks, scheme) in SPEAKING {
        let port = server(raw::Does::Open, Some(tls.clone())).await;
        let proxy = FakeProxy::start(speaks, Does::Connect(YES, port)).await;
        let connector = through(&proxy, &format!("{scheme}://")).with_extra_roots(authority.pem()).unwrap();
        let mut connection = dial(&connector).await.unwrap();
        assert_eq!(connection.next().await.unwrap().unwrap(), Frame::text("hello"));
        proxy.die();
        let error = connection.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
        assert!(error.kind().is_network());
        assert!(connection.next().await.is_none());
    }
}
