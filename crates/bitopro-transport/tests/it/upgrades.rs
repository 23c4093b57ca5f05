//! Upgrades that are answered with plain HTTP, or not with HTTP at all, and URLs that are not dialled.

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
async fn every_status_is_a_refusal_with_what_the_server_said() {
    for status in [200, 204, 301, 302, 307, 400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status)
            .insert_header("Retry-After", "3")
            .insert_header("Date", "Sun, 06 Nov 1994 08:49:37 GMT")
            .insert_header("Location", "ws://127.0.0.1:9/elsewhere");
        let answer = if status == 204 { answer } else { answer.set_body_string("{\"error\":\"no\"}") };
        Mock::given(method("GET"))
            .and(path("/ws/v1/pub/auth/account-balance"))
            .and(header("upgrade", "websocket"))
            .and(header("x-bitopro-apikey", "key"))
            .respond_with(answer)
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
async fn the_exchange_s_answer_to_an_unknown_path_is_an_empty_200() {
    let server = MockServer::start().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let error = dial(&ws(&server)).await;
    let refusal = error.refusal().unwrap();
    assert_eq!((refusal.status.as_u16(), refusal.body.len()), (200, 0));
}

/// Answers every connection like this, and keeps it open.
pub(crate) async fn raw_server(answer: String) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("ws://{}/ws", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            raw::answer(&mut stream, &answer).await;
            kept.push(stream);
        }
    });
    url
}

#[tokio::test]
async fn a_right_handshake_connects_however_it_is_written() {
    for (wanted, written) in [
        ("websocket", "WebSocket"),
        ("Connection: Upgrade", "connection: keep-alive , UPGRADE"),
        ("Connection: Upgrade", "Connection: keep-alive\r\nConnection: upgrade"),
        ("Connection", "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: cloud\r\nConnection"),
    ] {
        assert!(HANDSHAKE.contains(wanted));
        let url = raw_server(HANDSHAKE.replace(wanted, written)).await;
        let dialed = TungsteniteConnector::new().connect(Request::new(url.parse().unwrap())).await;
        assert!(dialed.is_ok(), "{written}: {:?}", dialed.map(|_| ()));
    }
}

/// Each answer has exactly one fault.
#[tokio::test]
async fn an_answer_that_is_no_handshake_says_what_is_wrong_with_it() {
    let filler = format!("X-Filler: {}\r\nConnection", "x".repeat(70_000));
    for (right, wrong, message) in [
        ("Upgrade: websocket\r\n", "", "it does not upgrade to a WebSocket"),
        ("Upgrade: websocket", "Upgrade: h2c", "it does not upgrade to a WebSocket"),
        ("Connection: Upgrade\r\n", "", "its `Connection` does not say `upgrade`"),
        ("Connection: Upgrade", "Connection: keep-alive", "its `Connection` does not say `upgrade`"),
        ("Connection: Upgrade", "Connection: Upgraded", "its `Connection` does not say `upgrade`"),
        ("{accept}", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "its accept key does not belong to our request"),
        ("Sec-WebSocket-Accept: {accept}\r\n", "", "its accept key does not belong to our request"),
        (
            "Connection",
            "Sec-WebSocket-Extensions: permessage-deflate\r\nConnection",
            "it uses an extension that was not offered",
        ),
        (
            "Connection",
            "Sec-WebSocket-Protocol: chat\r\nConnection",
            "it speaks a subprotocol that was not asked for",
        ),
        ("Connection", filler.as_str(), ""),
        ("HTTP/1.1 101 Switching Protocols", "SSH-2.0-OpenSSH_9.6", ""),
    ] {
        assert!(HANDSHAKE.contains(right));
        let error = dial(&raw_server(HANDSHAKE.replacen(right, wrong, 1)).await).await;
        assert_eq!(error.kind(), ErrorKind::Handshake, "{error:?} for {wrong:.60}");
        assert!(error.to_string().ends_with(message), "{error:?} for {wrong:.60}");
    }
}

#[tokio::test]
async fn nobody_there_is_a_connect_error() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = dial(&format!("ws://{address}/ws")).await;
    assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
    assert!(error.kind().is_network());
}

#[tokio::test]
async fn fault_38_clear_text_never_leaves_this_machine() {
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
