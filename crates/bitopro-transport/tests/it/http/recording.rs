use std::time::Duration;

use bitopro_transport::memory;
use bitopro_transport::recording::{Recorder, RecordingHttpClient};
use bitopro_transport::replay::Replay;
use bitopro_transport::{Error, ErrorKind, HttpClient};
use bytes::Bytes;
use http::{Request, Response, StatusCode};

use super::DEADLINE;
use crate::recording::SharedBuffer;

fn request(method: &str, path: &str, body: &'static str) -> Request<Bytes> {
    Request::builder()
        .method(method)
        .uri(format!("https://me:s3cret@api.test{path}"))
        .header("X-BITOPRO-APIKEY", "s3cret")
        .header("X-BITOPRO-PAYLOAD", "s3cret")
        .header("X-BITOPRO-SIGNATURE", "s3cret")
        .body(body.into())
        .unwrap()
}

fn response(status: u16, body: &'static [u8]) -> Response<Bytes> {
    Response::builder()
        .status(status)
        .header("Content-Type", "application/json")
        .header("Set-Cookie", "s3cret")
        .body(Bytes::from_static(body))
        .unwrap()
}

/// Records two responses to the same URL, one to another, and a failure.
async fn record() -> String {
    let written = SharedBuffer::default();
    let recorder = Recorder::new(written.clone());
    let (client, mut server) = memory::http_network();
    let client = RecordingHttpClient::new(client, recorder.clone());
    for (request, response) in [
        (request("GET", "/v3/orders?page=1", ""), response(200, b"{\"a\":1.10}")),
        (request("GET", "/v3/orders?page=1", ""), response(429, b"")),
        (request("POST", "/v3/orders", "{\"amount\":\"1\"}"), response(200, b"\xff")),
    ] {
        let serve = async {
            let incoming = server.next_request().await.unwrap();
            tokio::time::advance(Duration::from_millis(20)).await;
            incoming.respond(response);
        };
        tokio::join!(client.send(request, DEADLINE), serve).0.unwrap();
    }
    let fail = async { server.next_request().await.unwrap().fail(Error::new(ErrorKind::Tls, "no TLS")) };
    tokio::join!(client.send(request("GET", "/v3/failing", ""), DEADLINE), fail).0.unwrap_err();
    recorder.finish().unwrap();
    written.text()
}

#[tokio::test(start_paused = true)]
async fn requests_are_recorded_as_json_lines_without_secrets() {
    let header = r#""headers":{"content-type":"application/json"}"#;
    let orders = r#""method":"GET","url":"https://api.test/v3/orders?page=1""#;
    assert_eq!(
        record().await,
        [
            &*format!(r#"{{"at_ms":0,"dial":1,"requested":{{{orders}}}}}"#),
            &*format!(
                r#"{{"at_ms":20,"dial":1,"responded":{{"status":200,{header},"body":{{"text":"{{\"a\":1.10}}"}}}}}}"#
            ),
            &*format!(r#"{{"at_ms":20,"dial":2,"requested":{{{orders}}}}}"#),
            &*format!(r#"{{"at_ms":40,"dial":2,"responded":{{"status":429,{header}}}}}"#),
            r#"{"at_ms":40,"dial":3,"requested":{"method":"POST","url":"https://api.test/v3/orders","body":{"text":"{\"amount\":\"1\"}"}}}"#,
            &*format!(r#"{{"at_ms":60,"dial":3,"responded":{{"status":200,{header},"body":{{"binary":"ff"}}}}}}"#),
            r#"{"at_ms":60,"dial":4,"requested":{"method":"GET","url":"https://api.test/v3/failing"}}"#,
            r#"{"at_ms":60,"dial":4,"failed":"no TLS"}"#,
            "",
        ]
        .join("\n")
    );
}

#[tokio::test(start_paused = true)]
async fn a_replay_answers_each_request_as_recorded() {
    let client = Replay::read(record().await.as_bytes()).unwrap().into_http_client();
    assert_eq!(format!("{client:?}"), "ReplayHttpClient", "a body is shown");
    for (request, status, body) in [
        (request("POST", "/v3/orders", "{\"amount\":\"2\"}"), StatusCode::OK, &b"\xff"[..]),
        (request("GET", "/v3/orders?page=1", ""), StatusCode::OK, b"{\"a\":1.10}"),
        (request("GET", "/v3/orders?page=1", ""), StatusCode::TOO_MANY_REQUESTS, b""),
    ] {
        let response = client.send(request, DEADLINE).await.unwrap();
        assert_eq!((response.status(), response.body().as_ref()), (status, body));
        assert_eq!(response.headers()["content-type"], "application/json");
    }
    let error = client.send(request("GET", "/v3/failing", ""), DEADLINE).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Disconnected, "no TLS"));
    for (method, path) in
        [("GET", "/v3/orders?page=1"), ("GET", "/v3/orders?page=2"), ("DELETE", "/v3/orders")]
    {
        let error = client.send(request(method, path, ""), DEADLINE).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
        assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    }
}
