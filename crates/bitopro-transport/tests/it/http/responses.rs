use std::time::Duration;

use bitopro_transport::{Error, ErrorKind, HttpClient, HttpLimits, HyperClient};
use bytes::Bytes;
use http::{Method, Request, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use wiremock::matchers::{body_string, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::{DEADLINE, accept, head, listen, request, send};

/// Returns the result of a request to which the server responds with these bytes before it ends the connection.
async fn receive(client: &HyperClient, response: &[u8]) -> Result<Response<Bytes>, Error> {
    let (listener, port) = listen().await;
    let server = async {
        let mut stream = accept(&listener).await;
        head(&mut stream).await;
        let _ = stream.write_all(response).await;
        let _ = stream.shutdown().await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    };
    tokio::join!(send(client, Method::GET, port), server).0
}

#[tokio::test]
async fn incomplete_invalid_and_oversized_responses_are_typed_errors() {
    let long = format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n", "x".repeat(16 << 10));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(101));
    for (response, kind, part) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
            ErrorKind::Disconnected,
            "the end of the response body",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
            ErrorKind::Disconnected,
            "the end of the response body",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Le", ErrorKind::Disconnected, "before the response"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            ErrorKind::Protocol,
            "not valid HTTP",
        ),
        ("SSH-2.0-OpenSSH_9.6\r\n\r\n", ErrorKind::Protocol, "if this port expects TLS, use `https://`"),
        (&long, ErrorKind::TooLarge, "16384 bytes or 100 headers"),
        (&many, ErrorKind::TooLarge, "16384 bytes or 100 headers"),
    ] {
        let error = receive(&HyperClient::new(), response.as_bytes()).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{response:.60}: {error:?}");
        assert!(error.to_string().contains(part), "{response:.60}: {error}");
        assert!(error.to_string().contains("127.0.0.1:"), "the error names the server: {error}");
    }
}

#[tokio::test]
async fn bodies_of_every_framing_are_complete() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n3\r\nody\r\n0\r\nX-Trailer: ignored\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nbody",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
    ] {
        let received = receive(&HyperClient::new(), response.as_bytes()).await.unwrap();
        assert_eq!(received.body().as_ref(), b"body", "{response}");
        assert!(received.extensions().is_empty());
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_not_read() {
    let client = HyperClient::new().with_limits(HttpLimits::default().with_body_bytes(10));
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", "1\r\nx\r\n".repeat(11)),
    ] {
        let (listener, port) = listen().await;
        let server = async {
            let mut stream = accept(&listener).await;
            head(&mut stream).await;
            stream.write_all(response.as_bytes()).await.unwrap();
            // The client closes the connection, although the server does not.
            let _ = stream.read(&mut [0; 1]).await;
        };
        let (sent, ()) = tokio::join!(send(&client, Method::GET, port), server);
        assert_eq!(sent.unwrap_err().kind(), ErrorKind::TooLarge);
    }
}

#[tokio::test]
async fn a_reset_connection_is_a_typed_error() {
    let (listener, port) = listen().await;
    let server = async {
        // Closing a socket with unread data resets the connection.
        let mut stream = accept(&listener).await;
        stream.read_u8().await.unwrap();
    };
    let client = HyperClient::new();
    let (sent, ()) = tokio::join!(send(&client, Method::GET, port), server);
    assert_eq!(sent.unwrap_err().kind(), ErrorKind::Disconnected);
}

#[tokio::test]
async fn a_slow_response_fails_at_the_deadline_and_its_connection_is_closed() {
    const DEADLINE: Duration = Duration::from_secs(10);
    for part in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"] {
        let (listener, port) = listen().await;
        let client = HyperClient::new();
        let server = async {
            let mut stream = accept(&listener).await;
            head(&mut stream).await;
            stream.write_all(part.as_bytes()).await.unwrap();
            tokio::time::pause();
            let began = Instant::now();
            assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0, "the connection remains open");
            began.elapsed()
        };
        let (sent, elapsed) = tokio::join!(client.send(request(Method::GET, port), DEADLINE), server);
        let error = sent.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{part:?}: {error:?}");
        assert_eq!(error.to_string(), format!("no complete response from 127.0.0.1:{port} within 10 s"));
        assert!((9..=10).contains(&elapsed.as_secs()), "{part:?}: {elapsed:?}");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn refusals_gateway_pages_and_broken_json_are_responses() {
    let server = MockServer::start().await;
    for (status, text) in [
        (200, "{\"data\":[{\"id\":"),
        (401, "{\"error\":\"unauthorized\"}"),
        (422, "{\"error\":\"amount\"}"),
        (429, ""),
        (502, "<html>Bad Gateway</html>"),
    ] {
        let expected = Mock::given(method("POST"))
            .and(path("/v3/orders/btc_twd"))
            .and(query_param("status", status.to_string()))
            .and(header("x-bitopro-apikey", "a-key"))
            .and(body_string("{\"amount\":\"1\"}"));
        let template = ResponseTemplate::new(status).set_body_string(text).insert_header("Retry-After", "7");
        expected.respond_with(template).expect(1).mount(&server).await;

        let request = Request::post(format!("{}/v3/orders/btc_twd?status={status}", server.uri()))
            .header("X-BITOPRO-APIKEY", "a-key")
            .body(Bytes::from_static(b"{\"amount\":\"1\"}"))
            .unwrap();
        let response = HyperClient::new().send(request, DEADLINE).await.unwrap();
        assert_eq!((response.status().as_u16(), response.body().as_ref()), (status, text.as_bytes()));
        assert_eq!(response.headers()["retry-after"], "7");
    }
}
