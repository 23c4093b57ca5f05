use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{Instant, timeout};

use super::{Bytes, Deadline, Error, ErrorKind, Request, StatusCode, derive_accept_key, upgrade};

const DEADLINE: Duration = Duration::from_secs(10);

/// Upgrades with a server that sends this response and then stays silent. Also returns the head of the
/// request.
async fn upgrade_with(request: Request, response: &str) -> (Result<(DuplexStream, Bytes), Error>, String) {
    let (near, mut far) = duplex(1 << 20);
    let serve = async {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push(far.read_u8().await.unwrap().into());
        }
        let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
        let response = response.replace("{accept}", &derive_accept_key(key.as_bytes()));
        far.write_all(response.as_bytes()).await.unwrap();
        (far, head)
    };
    let upgrade = timeout(2 * DEADLINE, upgrade(near, &request, Deadline::after(DEADLINE)));
    let (upgraded, (_far, head)) = tokio::join!(upgrade, serve);
    (upgraded.expect("the upgrade ends at its deadline"), head)
}

fn request(url: &str) -> Request {
    Request::new(url.parse().unwrap())
}

const HANDSHAKE: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: keep-alive, Upgrade\r\n\
                         Upgrade: WebSocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn the_request_is_encoded_unchanged() {
    let request = request("wss://example.test:9443/ws/a%20b?c=d&e#f")
        .with_header("X-Twice", "1")
        .and_then(|request| request.with_header("X-Twice", "2"))
        .unwrap();
    let (upgraded, head) = upgrade_with(request, &format!("{HANDSHAKE}beyond")).await;
    assert_eq!(upgraded.unwrap().1, "beyond");
    let mut lines: Vec<&str> = head.trim_end().lines().collect();
    let key = lines.iter().position(|line| line.starts_with("sec-websocket-key: ")).unwrap();
    assert_eq!(lines.remove(key).len(), "sec-websocket-key: ".len() + 24);
    assert_eq!(
        lines,
        [
            "GET /ws/a%20b?c=d&e HTTP/1.1",
            "host: example.test:9443",
            "connection: Upgrade",
            "upgrade: websocket",
            "sec-websocket-version: 13",
            "x-twice: 1",
            "x-twice: 2",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_host_header_omits_the_default_port() {
    for (url, host) in [
        ("wss://example.test:443/", "host: example.test\r\n"),
        ("ws://localhost:80/", "host: localhost\r\n"),
        ("wss://example.test:80/", "host: example.test:80\r\n"),
        ("wss://[::1]:9443/", "host: [::1]:9443\r\n"),
    ] {
        let (upgraded, head) = upgrade_with(request(url), HANDSHAKE).await;
        upgraded.unwrap();
        assert!(head.contains(host), "{url}: {head}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_with_a_stalled_body_is_returned_at_the_deadline() {
    let began = Instant::now();
    let stalled = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 100\r\n\r\nfirst";
    let (upgraded, _) = upgrade_with(request("ws://localhost/"), stalled).await;
    let error = upgraded.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    let refusal = error.refusal().unwrap();
    assert_eq!(refusal.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refusal.headers["retry-after"], "7");
    assert_eq!(refusal.body, "first");
    assert_eq!(began.elapsed(), DEADLINE);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_keeps_the_received_part_of_a_broken_body() {
    let broken =
        "HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\nnot a chunk\r\n";
    let (upgraded, _) = upgrade_with(request("ws://localhost/"), broken).await;
    assert_eq!(upgraded.unwrap_err().refusal().unwrap().body, "first");
}

#[tokio::test(start_paused = true)]
async fn fault_10_a_response_sent_byte_by_byte_ends_at_the_deadline() {
    let began = Instant::now();
    let (near, mut far) = duplex(1 << 20);
    let serve = async {
        for byte in HANDSHAKE.bytes() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if far.write_u8(byte).await.is_err() {
                break;
            }
        }
    };
    let request = request("ws://localhost/");
    let (upgraded, ()) = tokio::join!(upgrade(near, &request, Deadline::after(DEADLINE)), serve);
    assert_eq!(upgraded.unwrap_err().kind(), ErrorKind::TimedOut);
    assert!(began.elapsed() <= DEADLINE + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn fault_10_a_response_head_over_16_kib_is_an_error() {
    let fitting = HANDSHAKE.replacen("\r\n", &format!("\r\nX-Filler: {}\r\n", "x".repeat(15_000)), 1);
    upgrade_with(request("ws://localhost/"), &fitting).await.0.unwrap();
    let too_large = HANDSHAKE.replacen("\r\n", &format!("\r\nX-Filler: {}\r\n", "x".repeat(17_000)), 1);
    let error = upgrade_with(request("ws://localhost/"), &too_large).await.0.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Handshake, "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn fault_10_more_than_100_headers_are_an_error() {
    let required = HANDSHAKE.matches(": ").count();
    for (count, is_valid) in [(100, true), (101, false)] {
        let filler = "X: y\r\n".repeat(count - required);
        let response = HANDSHAKE.replace("Upgrade: ", &format!("{filler}Upgrade: "));
        let (upgraded, _) = upgrade_with(request("wss://example.test/ws"), &response).await;
        let kind = upgraded.map(|_| ()).map_err(|error| error.kind());
        assert_eq!(kind, if is_valid { Ok(()) } else { Err(ErrorKind::Handshake) }, "{count}");
    }
}

/// Interim responses are skipped, but do not extend the deadline.
#[tokio::test(start_paused = true)]
async fn fault_10_endless_interim_responses_end_at_the_deadline() {
    let (near, mut far) = duplex(1 << 20);
    let began = Instant::now();
    let flood = async {
        let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
        while far.write_all(interim.as_bytes()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let request = request("wss://example.test/ws");
    let (upgraded, ()) = tokio::join!(upgrade(near, &request, Deadline::after(DEADLINE)), flood);
    assert_eq!(upgraded.map(|_| ()).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(began.elapsed().as_secs(), DEADLINE.as_secs());
}
