//! Upgrades with plain HTTP or other responses, and URLs that are rejected without dialling.

use bitopro_transport::{Connector, Error, ErrorKind, Request, TungsteniteConnector};
use tokio::net::TcpListener;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::raw::{self, HANDSHAKE};

async fn dial(url: &str) -> Error {
    let request = Request::new(url.parse().unwrap()).with_header("X-BITOPRO-APIKEY", "key").unwrap();
    TungsteniteConnector::new().connect(request).await.map(|_| ()).unwrap_err()
}

fn ws(server: &MockServer) -> String {
    server.uri().replace("http://", "ws://") + "/ws/v1/pub/auth/account-balance"
}

#[tokio::test]
async fn every_status_is_a_refusal_with_its_headers_and_body() {
    for status in [200, 204, 301, 302, 307, 400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504] {
        let server = MockServer::start().await;
        let response = ResponseTemplate::new(status)
            .insert_header("Retry-After", "3")
            .insert_header("Date", "Sun, 06 Nov 1994 08:49:37 GMT")
            .insert_header("Location", "ws://127.0.0.1:9/elsewhere");
        let response = if status == 204 { response } else { response.set_body_string("{\"error\":\"no\"}") };
        Mock::given(method("GET"))
            .and(path("/ws/v1/pub/auth/account-balance"))
            .and(header("upgrade", "websocket"))
            .and(header("x-bitopro-apikey", "key"))
            .respond_with(response)
            .expect(1)
            .mount(&server)
            .await;
        let error = dial(&ws(&server)).await;
        assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
        let refusal = error.refusal().unwrap();
        assert_eq!(refusal.status.as_u16(), status);
        assert_eq!(refusal.headers["retry-after"], "3");
        assert_eq!(refusal.headers["date"], "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(refusal.body.is_empty(), status == 204);
        assert!(refusal.to_string().contains(&status.to_string()), "{refusal}");
    }
}

#[tokio::test]
async fn a_200_with_an_empty_body_is_a_refusal() {
    let server = MockServer::start().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let error = dial(&ws(&server)).await;
    let refusal = error.refusal().unwrap();
    assert_eq!((refusal.status.as_u16(), refusal.body.len()), (200, 0));
}

/// Starts a server that sends this response to every dial and keeps the connection open. Returns its URL.
pub(crate) async fn raw_server(response: String) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            raw::respond(&mut stream, &response).await;
            open.push(stream);
        }
    });
    url
}

#[tokio::test]
async fn equivalent_spellings_of_the_handshake_are_accepted() {
    for (original, replacement) in [
        ("websocket", "WebSocket"),
        ("Connection: Upgrade", "connection: keep-alive , UPGRADE"),
        ("Connection: Upgrade", "Connection: keep-alive\r\nConnection: upgrade"),
        ("Connection", "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: cloud\r\nConnection"),
    ] {
        assert!(HANDSHAKE.contains(original));
        let url = raw_server(HANDSHAKE.replace(original, replacement)).await;
        let dialed = TungsteniteConnector::new().connect(Request::new(url.parse().unwrap())).await;
        assert!(dialed.is_ok(), "{replacement}: {:?}", dialed.map(|_| ()));
    }
}

/// Each response has exactly one error.
#[tokio::test]
async fn an_invalid_handshake_is_an_error_that_names_the_problem() {
    let filler = format!("X-Filler: {}\r\nConnection", "x".repeat(70_000));
    for (valid, invalid, message) in [
        ("Upgrade: websocket\r\n", "", "`Upgrade` does not contain `websocket`"),
        ("Upgrade: websocket", "Upgrade: h2c", "`Upgrade` does not contain `websocket`"),
        ("Connection: Upgrade\r\n", "", "`Connection` does not contain `upgrade`"),
        ("Connection: Upgrade", "Connection: keep-alive", "`Connection` does not contain `upgrade`"),
        ("Connection: Upgrade", "Connection: Upgraded", "`Connection` does not contain `upgrade`"),
        (
            "{accept}",
            "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "`Sec-WebSocket-Accept` does not match the request's key",
        ),
        ("Sec-WebSocket-Accept: {accept}\r\n", "", "`Sec-WebSocket-Accept` does not match the request's key"),
        (
            "Connection",
            "Sec-WebSocket-Extensions: permessage-deflate\r\nConnection",
            "the server selected an extension that was not offered",
        ),
        (
            "Connection",
            "Sec-WebSocket-Protocol: chat\r\nConnection",
            "the server selected a subprotocol that was not requested",
        ),
        ("Connection", filler.as_str(), ""),
        ("HTTP/1.1 101 Switching Protocols", "SSH-2.0-OpenSSH_9.6", ""),
    ] {
        assert!(HANDSHAKE.contains(valid));
        let error = dial(&raw_server(HANDSHAKE.replacen(valid, invalid, 1)).await).await;
        assert_eq!(error.kind(), ErrorKind::Handshake, "{error:?} for {invalid:.60}");
        assert!(error.to_string().ends_with(message), "{error:?} for {invalid:.60}");
    }
}

#[tokio::test]
async fn an_unencrypted_dial_to_a_port_with_tls_is_an_error_that_names_the_scheme() {
    // The alert `unexpected_message` of TLS 1.2, RFC 5246.
    let error = dial(&raw_server("\x15\x03\x03\0\x02\x02\x0a".to_owned()).await).await;
    assert_eq!(error.kind(), ErrorKind::Handshake, "{error:?}");
    let expected =
        "the response to the upgrade request is not valid HTTP; if this port expects TLS, use `wss://`";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_refused_tcp_connection_is_a_connect_error() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = dial(&format!("ws://{address}/ws")).await;
    assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
    assert_eq!(error.to_string(), format!("no TCP connection to {address}"));
    let causes = format!("{error:#}");
    assert_eq!(causes.matches("onnect").count(), 2, "the cause repeats the message: {causes}");
    assert!(error.kind().is_network());
}

#[tokio::test]
async fn fault_38_clear_text_urls_to_other_machines_are_rejected() {
    for url in [
        "ws://stream.bitopro.com:9443/ws",
        "ws://10.0.0.1/ws",
        "ws://127.0.0.1.example.com/ws",
        "ws://[2001:db8::1]/ws",
    ] {
        let error = dial(url).await;
        assert_eq!(error.kind(), ErrorKind::InsecureUrl, "{url}: {error:?}");
    }
    for url in [
        "http://127.0.0.1/ws",
        "https://stream.bitopro.com/ws",
        "wss://stream.bitopro.com:65536/ws",
        "ws://[::1]:99999/ws",
        "wss://me@stream.bitopro.com/ws",
    ] {
        let error = dial(url).await;
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{url}: {error:?}");
    }
}
