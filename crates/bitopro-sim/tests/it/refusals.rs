//! Dials that are refused, for each possible reason.

use std::time::Duration;

use bitopro_auth::{API_KEY_HEADER, PAYLOAD_HEADER, SIGNATURE_HEADER, SignedHeaders};
use bitopro_model::Timestamp;
use bitopro_sim::{Clock, Command, Nonces, Quirks, SimCredentials, Simulator, refusal};
use bitopro_transport::{Connection, Error, ErrorKind, Refusal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{BALANCE_PATH, Harness, all_transports, in_memory, next_message, over_sockets};

const NOW: Timestamp = Timestamp::from_millis(1_639_553_303_365);

const UPGRADE: &str = "Connection: close, Upgrade\r\nUpgrade: websocket\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn refused(dialled: Result<Box<dyn Connection>, Error>) -> Refusal {
    let error = dialled.map(|_| ()).expect_err("the dial was accepted");
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    error.refusal().expect("a refused dial has a refusal").clone()
}

fn without<'a>(signed: &'a SignedHeaders, name: &str) -> Vec<(&'a str, &'a str)> {
    signed.iter().filter(|(header, _)| *header != name).collect()
}

#[tokio::test]
async fn wrong_credentials_are_refused_with_401() {
    for harness in all_transports(Simulator::builder()).await {
        let SimCredentials { email, api_key, api_secret, .. } = SimCredentials::demo();
        let good = harness.sign();
        let flipped = good.signature().chars().rev().collect::<String>();
        let mut swapped = without(&good, SIGNATURE_HEADER);
        swapped.push((SIGNATURE_HEADER, &flipped));
        let other_secret = harness.sign_as(&email, &api_key, "other");
        let other_key = harness.sign_as(&email, "other", &api_secret);
        let other_email = harness.sign_as("other@example.com", &api_key, &api_secret);
        let cases = [
            ("no headers", vec![]),
            ("no key", without(&good, API_KEY_HEADER)),
            ("no payload", without(&good, PAYLOAD_HEADER)),
            ("no signature", without(&good, SIGNATURE_HEADER)),
            ("a wrong signature", swapped),
            ("another secret", other_secret.iter().collect()),
            ("another key", other_key.iter().collect()),
            ("another email", other_email.iter().collect()),
        ];
        let count = cases.len();
        for (case, headers) in cases {
            let refusal = refused(harness.dial_path(BALANCE_PATH, headers).await);
            assert_eq!(refusal.status.as_u16(), 401, "{case}");
            assert_eq!(refusal.body, r#"{"error":"unauthorized api key"}"#.as_bytes(), "{case}");
        }
        // The refused dials did not use up the nonce.
        assert!(harness.dial_path(BALANCE_PATH, good.iter()).await.is_ok());
        assert_eq!(harness.statuses(), [vec![401; count], vec![101]].concat());
    }
}

#[tokio::test]
async fn captured_headers_cannot_be_replayed_if_nonces_must_be_unused() {
    let builder = Simulator::builder().with_quirks(Quirks::default().with(Nonces::Unused));
    for harness in all_transports(builder).await {
        let captured = harness.sign();
        let mut connection = harness.dial_path(BALANCE_PATH, captured.iter()).await.unwrap();
        next_message(&mut connection).await;
        assert_eq!(refused(harness.dial_path(BALANCE_PATH, captured.iter()).await).status.as_u16(), 401);
        drop(connection);
        assert_eq!(refused(harness.dial_path(BALANCE_PATH, captured.iter()).await).status.as_u16(), 401);
        assert!(harness.dial().await.is_ok());
        let dials = harness.simulator.upgrade_attempts();
        assert_eq!(dials[0].nonce, dials[1].nonce);
        assert!(dials[3].nonce > dials[0].nonce);
        assert_eq!(harness.statuses(), [101, 401, 401, 101]);
    }
}

#[tokio::test]
async fn an_unknown_path_is_an_empty_200_or_outside_of_ws_a_404_with_or_without_credentials() {
    for harness in all_transports(Simulator::builder()).await {
        for (path, status, body) in [
            ("", 404, "{\"message\":\"404 NOT FOUND\"}\n"),
            ("/v1/pub/auth/nothing", 200, ""),
            ("/v1/pub/order-holdings/BTC_TWD", 200, ""),
            ("/v1/pub/auth/account-balance/", 200, ""),
        ] {
            for headers in [vec![], harness.sign().iter().collect()] {
                let refusal = refused(harness.dial_path(path, headers).await);
                assert_eq!(
                    (refusal.status.as_u16(), refusal.body.as_ref()),
                    (status, body.as_bytes()),
                    "{path}"
                );
            }
        }
        let last = harness.simulator.upgrade_attempts().pop().unwrap();
        assert_eq!(last.path, "/ws/v1/pub/auth/account-balance/");
        assert!(!last.is_accepted());
    }
}

#[tokio::test]
async fn a_clock_conflict_has_the_exchange_time() {
    for harness in all_transports(Simulator::builder().with_clock(Clock::fixed(NOW))).await {
        for (offset, date) in [
            (3_600_000, "Wed, 15 Dec 2021 08:28:23 GMT"),
            (-3_600_000, "Wed, 15 Dec 2021 06:28:23 GMT"),
            (60_100, "Wed, 15 Dec 2021 07:29:23 GMT"),
        ] {
            harness.simulator.execute(&Command::SetClockOffsetMs(offset)).unwrap();
            let signed = harness.signer.sign_identity(u64::try_from(NOW.as_millis()).unwrap());
            let refusal = refused(harness.dial_path(BALANCE_PATH, signed.iter()).await);
            assert_eq!(refusal.status.as_u16(), 409);
            assert_eq!(refusal.headers["date"], date);
        }
        harness.simulator.execute(&Command::SetClockOffsetMs(0)).unwrap();
        assert!(harness.dial().await.is_ok());
        assert_eq!(harness.statuses(), [409, 409, 409, 101]);
    }
}

#[tokio::test]
async fn a_requested_refusal_is_sent_unchanged_without_an_added_date() {
    for harness in all_transports(Simulator::builder()).await {
        harness.simulator.refuse_next(1, Refusal::new(refusal::CLOCK_CONFLICT));
        assert_eq!(refused(harness.dial().await).headers.get("date"), None);
    }
}

#[tokio::test]
async fn requested_refusals_are_sent_in_order() {
    for harness in all_transports(Simulator::builder()).await {
        let time = Timestamp::from_millis(784_111_777_000);
        for (count, refusal) in [
            (2, refusal::too_many_requests(Some(Duration::from_secs(7)))),
            (0, refusal::unauthorized()),
            (1, refusal::bad_gateway()),
            (1, refusal::clock_conflict(time)),
            (1, refusal::forbidden()),
        ] {
            harness.simulator.refuse_next(count, refusal);
        }
        let mut received = Vec::new();
        for _ in 0..5 {
            received.push(refused(harness.dial().await));
        }
        assert_eq!(received[1].headers["retry-after"], "7");
        assert!(received[2].body.starts_with(b"<html>"), "{:?}", received[2]);
        assert_eq!(received[3].headers["date"], "Sun, 06 Nov 1994 08:49:37 GMT");
        assert!(harness.dial().await.is_ok());
        assert_eq!(harness.statuses(), [429, 429, 502, 409, 403, 101]);
    }
}

/// Sends a request verbatim, and returns the head and the body of the response.
async fn send_raw(harness: &Harness, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(harness.simulator.addr().unwrap()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn the_response_to_an_upgrade_has_the_exchange_time() {
    let harness = over_sockets(Simulator::builder().with_clock(Clock::fixed(NOW))).await;
    let signed: String =
        harness.sign().iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
    let request =
        format!("GET /ws{BALANCE_PATH} HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}{VERSION}{signed}\r\n");
    let mut stream = TcpStream::connect(harness.simulator.addr().unwrap()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = vec![0; 400];
    stream.read_exact(&mut head).await.unwrap();
    let head = String::from_utf8_lossy(&head);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    // The accept key of this key in RFC 6455, section 1.3.
    assert!(head.contains("\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    assert!(head.contains("\r\ndate: Wed, 15 Dec 2021 07:28:23 GMT\r\n"), "{head}");
}

#[tokio::test]
async fn a_request_that_is_not_an_opening_handshake_is_refused() {
    let harness = over_sockets(Simulator::builder()).await;
    let host = "Host: localhost\r\n";
    let handshake = format!("{host}{UPGRADE}{VERSION}");
    let stream = format!("/ws{BALANCE_PATH}");
    let version = |version: &str| handshake.replace("Version: 13", version);
    let key = |key: &str| handshake.replace("dGhlIHNhbXBsZSBub25jZQ==", key);
    for (method, path, protocol, headers, status) in [
        ("GET", stream.as_str(), "HTTP/1.1", handshake.clone(), 401),
        ("POST", &stream, "HTTP/1.1", handshake.clone(), 400),
        ("GET", &stream, "HTTP/1.0", handshake.clone(), 400),
        ("GET", &stream, "HTTP/1.1", handshake.replace(host, ""), 400),
        ("GET", &stream, "HTTP/1.1", handshake.replace(host, &host.repeat(2)), 400),
        ("GET", &stream, "HTTP/1.1", handshake.replace("websocket", "h2c"), 400),
        ("GET", &stream, "HTTP/1.1", handshake.replace(", Upgrade", ""), 400),
        ("GET", &stream, "HTTP/1.1", version("Versions: 13"), 400),
        ("GET", &stream, "HTTP/1.1", version("Version: 8"), 426),
        ("GET", &stream, "HTTP/1.1", version("Version: 8, 13"), 401),
        ("GET", &stream, "HTTP/1.1", handshake.replace("Key", "Keys"), 400),
        ("GET", &stream, "HTTP/1.1", key(""), 400),
        ("GET", &stream, "HTTP/1.1", key("dGhlIHNhbXBsZSBub25j"), 400),
        ("GET", &stream, "HTTP/1.1", key("dGhlIHNhbXBsZSBub25jZR=="), 400),
        ("GET", &stream, "HTTP/1.1", key("not base64, for certain="), 400),
        ("DELETE", "/ws/elsewhere", "HTTP/1.1", host.to_owned() + "Connection: close\r\n", 200),
        ("GET", "/v4/accounts/balance", "HTTP/1.1", host.to_owned() + "Connection: close\r\n", 404),
        ("GET", "/", "HTTP/1.0", String::new(), 404),
    ] {
        let request = format!("{method} {path} {protocol}\r\n{headers}\r\n");
        let (head, body) = send_raw(&harness, &request).await;
        assert!(head.starts_with(&format!("{protocol} {status} ")), "{head} for {request}");
        assert_eq!(head.contains("\r\nsec-websocket-version: 13"), status == 426, "{head} for {request}");
        assert_eq!(body.is_empty(), status == 200, "{body} for {request}");
        assert_eq!(body == "{\"message\":\"404 NOT FOUND\"}\n", status == 404, "{body} for {request}");
    }
}

#[tokio::test]
async fn only_the_last_dials_are_kept() {
    const KEPT: usize = 10_000;
    let harness = in_memory(Simulator::builder());
    assert!(harness.dial().await.is_ok());
    for _ in 1..KEPT {
        refused(harness.dial_path("", []).await);
    }
    assert!(harness.simulator.upgrade_attempts()[0].is_accepted());
    refused(harness.dial_path("", []).await);
    let dials = harness.simulator.upgrade_attempts();
    assert_eq!(dials.len(), KEPT);
    assert!(dials.iter().all(|dial| !dial.is_accepted()));
}
