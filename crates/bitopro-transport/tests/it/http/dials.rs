//! The dials of an HTTP client follow the rules of the connector.

use std::sync::Arc;

use bitopro_transport::{Connector, ErrorKind, HttpClient, HyperClient, Request, TungsteniteConnector};
use bytes::Bytes;
use rustls::ServerConfig;
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

use super::{DEADLINE, OK, accept, head, listen};
use crate::proxies::fake::{Behaviour, CONNECTED, FakeProxy, Protocol};
use crate::tls::Authority;

fn get(url: &str) -> http::Request<Bytes> {
    http::Request::get(url).body(Bytes::new()).unwrap()
}

#[tokio::test]
async fn failures_of_a_dial_have_the_kinds_of_the_connector() {
    let refused = {
        let (_listener, port) = listen().await;
        format!("http://127.0.0.1:{port}/")
    };
    let proxy =
        FakeProxy::start(Protocol::Http, Behaviour::Respond("HTTP/1.1 407 No\r\n\r\n".to_owned())).await;
    let client = HyperClient::new().with_proxy(format!("http://{}", proxy.address).parse().unwrap());
    for (url, kind, part) in [
        ("http://api.example/v3", ErrorKind::InsecureUrl, "use `https://`"),
        ("wss://api.example/v3", ErrorKind::InvalidRequest, "`wss://` is not an HTTP scheme"),
        ("https://me:s3cret@api.example/v3", ErrorKind::InvalidRequest, "user name or password"),
        ("/v3", ErrorKind::InvalidRequest, "not an HTTP scheme"),
        (&refused, ErrorKind::Connect, "no TCP connection to 127.0.0.1:"),
        ("https://api.example/v3", ErrorKind::Proxy, "requires a user name and password"),
    ] {
        let error = client.send(get(url), DEADLINE).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{url}: {error:?}");
        assert!(
            error.to_string().contains(part) && !format!("{error:?}").contains("s3cret"),
            "{url}: {error:?}"
        );
    }
}

#[tokio::test]
async fn an_untrusted_certificate_is_rejected_before_anything_is_sent() {
    let tls = TlsAcceptor::from(Authority::new().config("localhost", |_| {}));
    let (listener, port) = listen().await;
    let server = async { tls.accept(accept(&listener).await).await.map(|_| ()) };
    let client = HyperClient::new().with_extra_roots(Authority::new().pem()).unwrap();
    let request = get(&format!("https://localhost:{port}/"));
    let (sent, accepted) = tokio::join!(client.send(request, DEADLINE), server);
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::Certificate);
    accepted.unwrap_err();
}

#[tokio::test]
async fn a_socks5_proxy_sees_only_encrypted_data() {
    let authority = Authority::new();
    let tls = TlsAcceptor::from(authority.config("exchange.test", |_| {}));
    let (listener, port) = listen().await;
    let mut proxy = FakeProxy::start(Protocol::Socks5, Behaviour::Connect(CONNECTED, port)).await;
    let client = HyperClient::new().with_extra_roots(authority.pem()).unwrap();
    let client = client.with_proxy(format!("socks5h://{}", proxy.address).parse().unwrap());
    let server = async {
        let mut stream = tls.accept(accept(&listener).await).await.unwrap();
        head(&mut stream).await;
        stream.write_all(OK.as_bytes()).await.unwrap();
        stream
    };
    let request = get("https://exchange.test:9443/s3cret");
    let (sent, _stream) = tokio::join!(client.send(request, DEADLINE), server);
    assert_eq!(sent.unwrap().body().as_ref(), b"ok");
    assert_eq!(proxy.request().await, "exchange.test:9443");
    let tunnelled = String::from_utf8_lossy(&proxy.tunnelled()).into_owned();
    assert!(tunnelled.len() > 100 && !tunnelled.contains("s3cret"));
}

#[tokio::test]
async fn connectors_and_clients_offer_only_http_1_1() {
    let authority = Authority::new();
    let mut config: ServerConfig = authority.config("localhost", |_| {}).as_ref().clone();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let tls = TlsAcceptor::from(Arc::new(config));
    let (listener, port) = listen().await;
    // Ends each connection after the TLS handshake.
    let selected = async || {
        let stream = tls.accept(accept(&listener).await).await.unwrap();
        stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec)
    };

    let client = HyperClient::new().with_extra_roots(authority.pem()).unwrap();
    let (sent, protocol) =
        tokio::join!(client.send(get(&format!("https://localhost:{port}/")), DEADLINE), selected());
    assert_eq!((sent.unwrap_err().kind(), protocol), (ErrorKind::Disconnected, Some(b"http/1.1".to_vec())));

    let connector = TungsteniteConnector::new().with_extra_roots(authority.pem()).unwrap();
    let request = Request::new(format!("wss://localhost:{port}/").parse().unwrap());
    let (dialed, protocol) = tokio::join!(connector.connect(request), selected());
    assert_eq!((dialed.is_err(), protocol), (true, Some(b"http/1.1".to_vec())));
}
