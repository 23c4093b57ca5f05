//! Every way in which a dial is not let in.

use std::time::Duration;

use bitopro_auth::{API_KEY_HEADER, PAYLOAD_HEADER, SIGNATURE_HEADER, SignedHeaders};
use bitopro_model::Timestamp;
use bitopro_sim::{Clock, Command, SimCredentials, Simulator, refusal};
use bitopro_transport::{Connection, Error, ErrorKind, Refusal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::caller::{Caller, STREAM, event, every_way, in_memory, over_sockets};

const NOW: Timestamp = Timestamp::from_millis(1_639_553_303_365);

const UPGRADE: &str = "Connection: close, Upgrade\r\nUpgrade: websocket\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn refused(dialed: Result<Box<dyn Connection>, Error>) -> Refusal {
    let error = dialed.map(|_| ()).expect_err("the dial was let in");
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    error.refusal().expect("a refusal").clone()
}

fn without<'a>(signed: &'a SignedHeaders, name: &str) -> Vec<(&'a str, &'a str)> {
    signed.iter().filter(|(header, _)| *header != name).collect()
}

#[tokio::test]
async fn who_is_not_the_account_is_refused_with_401() {
    for caller in every_way(Simulator::builder()).await {
        let SimCredentials { email, api_key, api_secret, .. } = SimCredentials::demo();
        let good = caller.sign();
        let flipped = good.signature().chars().rev().collect::<String>();
        let mut swapped = without(&good, SIGNATURE_HEADER);
        swapped.push((SIGNATURE_HEADER, &flipped));
        let other_secret = caller.sign_as(&email, &api_key, "other");
        let other_key = caller.sign_as(&email, "other", &api_secret);
        let other_email = caller.sign_as("other@example.com", &api_key, &api_secret);
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
            let refusal = refused(caller.ask(STREAM, headers).await);
            assert_eq!(refusal.status.as_u16(), 401, "{case}");
            assert_eq!(refusal.body, r#"{"error":"unauthorized api key"}"#.as_bytes(), "{case}");
        }
        // None of them used up the nonce.
        assert!(caller.ask(STREAM, good.iter()).await.is_ok());
        assert_eq!(caller.statuses(), [vec![401; count], vec![101]].concat());
    }
}

#[tokio::test]
async fn captured_headers_are_worth_nothing() {
    for caller in every_way(Simulator::builder()).await {
        let captured = caller.sign();
        let mut connection = caller.ask(STREAM, captured.iter()).await.unwrap();
        event(&mut connection).await;
        assert_eq!(refused(caller.ask(STREAM, captured.iter()).await).status.as_u16(), 401);
        drop(connection);
        assert_eq!(refused(caller.ask(STREAM, captured.iter()).await).status.as_u16(), 401);
        assert!(caller.dial().await.is_ok());
        let dials = caller.simulator.upgrade_attempts();
        assert_eq!(dials[0].nonce, dials[1].nonce);
        assert!(dials[3].nonce > dials[0].nonce);
        assert_eq!(caller.statuses(), [101, 401, 401, 101]);
    }
}

#[tokio::test]
async fn an_unknown_path_is_an_empty_200_whoever_asks() {
    for caller in every_way(Simulator::builder()).await {
        for path in
            ["/v1/pub/auth/nothing", "/v1/pub/order-holdings/BTC_TWD", "", "/v1/pub/auth/account-balance/"]
        {
            for headers in [vec![], caller.sign().iter().collect()] {
                let refusal = refused(caller.ask(path, headers).await);
                assert_eq!((refusal.status.as_u16(), refusal.body.len()), (200, 0), "{path}");
            }
        }
        let asked = caller.simulator.upgrade_attempts().pop().unwrap();
        assert_eq!(asked.path, "/ws/v1/pub/auth/account-balance/");
        assert!(!asked.is_accepted());
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_the_time() {
    for caller in every_way(Simulator::builder().with_clock(Clock::fixed(NOW))).await {
        for (offset, date) in [
            (3_600_000, "Wed, 15 Dec 2021 08:28:23 GMT"),
            (-3_600_000, "Wed, 15 Dec 2021 06:28:23 GMT"),
            (60_100, "Wed, 15 Dec 2021 07:29:23 GMT"),
        ] {
            caller.simulator.execute(&Command::SetClockOffsetMs(offset)).unwrap();
            let signed = caller.signer.sign_identity(u64::try_from(NOW.as_millis()).unwrap());
            let refusal = refused(caller.ask(STREAM, signed.iter()).await);
            assert_eq!(refusal.status.as_u16(), 409);
            assert_eq!(refusal.headers["date"], date);
        }
        caller.simulator.execute(&Command::SetClockOffsetMs(0)).unwrap();
        assert!(caller.dial().await.is_ok());
        assert_eq!(caller.statuses(), [409, 409, 409, 101]);
    }
}

#[tokio::test]
async fn an_ordered_refusal_is_sent_as_it_is_with_no_date_of_another_clock() {
    for caller in every_way(Simulator::builder()).await {
        caller.simulator.refuse_next(1, Refusal::new(refusal::CLOCK_CONFLICT));
        assert_eq!(refused(caller.dial().await).headers.get("date"), None);
    }
}

#[tokio::test]
async fn refusals_can_be_ordered_one_after_the_other() {
    for caller in every_way(Simulator::builder()).await {
        let time = Timestamp::from_millis(784_111_777_000);
        for (count, refusal) in [
            (2, refusal::too_many_requests(Some(Duration::from_secs(7)))),
            (0, refusal::unauthorized()),
            (1, refusal::bad_gateway()),
            (1, refusal::clock_conflict(time)),
            (1, refusal::forbidden()),
        ] {
            caller.simulator.refuse_next(count, refusal);
        }
        let mut seen = Vec::new();
        for _ in 0..5 {
            seen.push(refused(caller.dial().await));
        }
        assert_eq!(seen[1].headers["retry-after"], "7");
        assert!(seen[2].body.starts_with(b"<html>"), "{:?}", seen[2]);
        assert_eq!(seen[3].headers["date"], "Sun, 06 Nov 1994 08:49:37 GMT");
        assert!(caller.dial().await.is_ok());
        assert_eq!(caller.statuses(), [429, 429, 502, 409, 403, 101]);
    }
}

/// Sends a request as it is, and gives the status line and what follows the head.
async fn raw(caller: &Caller, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(caller.simulator.addr().unwrap()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[tokio::test]
async fn the_answer_to_an_upgrade_tells_the_exchange_s_time() {
    let caller = over_sockets(Simulator::builder().with_clock(Clock::fixed(NOW))).await;
    let signed: String = caller.sign().iter().flat_map(|(name, value)| [name, ": ", value, "\r\n"]).collect();
    let request = format!("GET /ws{STREAM} HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}{VERSION}{signed}\r\n");
    let mut stream = TcpStream::connect(caller.simulator.addr().unwrap()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = vec![0; 400];
    stream.read_exact(&mut head).await.unwrap();
    let head = String::from_utf8_lossy(&head);
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    // The accept key is that of RFC 6455 for this key, section 1.3.
    assert!(head.contains("\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
    assert!(head.contains("\r\ndate: Wed, 15 Dec 2021 07:28:23 GMT\r\n"), "{head}");
}

#[tokio::test]
async fn what_is_not_a_websocket_upgrade_is_a_bad_request() {
    let caller = over_sockets(Simulator::builder()).await;
    let common = "Host: localhost\r\nConnection: close\r\n";
    let upgrade = format!("Host: localhost\r\n{UPGRADE}");
    let version = VERSION;
    let old = VERSION.replace("13", "8");
    for (request, status) in [
        (format!("GET /ws{STREAM} HTTP/1.1\r\n{common}\r\n"), 400),
        (format!("POST /ws{STREAM} HTTP/1.1\r\n{upgrade}{version}\r\n"), 400),
        (format!("GET /ws{STREAM} HTTP/1.1\r\n{upgrade}\r\n"), 400),
        (format!("GET /ws{STREAM} HTTP/1.1\r\n{upgrade}{old}\r\n"), 400),
        (format!("GET /ws{STREAM} HTTP/1.1\r\n{common}{version}\r\n"), 400),
        (format!("GET /ws{STREAM} HTTP/1.1\r\n{common}Upgrade: websocket\r\n{version}\r\n"), 400),
        (format!("GET /ws{STREAM} HTTP/1.1\r\n{upgrade}{version}\r\n"), 401),
        (format!("GET / HTTP/1.1\r\n{common}\r\n"), 200),
        (format!("DELETE /ws/elsewhere HTTP/1.1\r\n{common}\r\n"), 200),
    ] {
        let (line, body) = raw(&caller, &request).await;
        assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{line} for {request}");
        assert_eq!(body.is_empty(), status == 200, "{body} for {request}");
    }
}

#[tokio::test]
async fn only_the_last_dials_are_remembered() {
    const KEPT: usize = 10_000;
    let caller = in_memory(Simulator::builder());
    assert!(caller.dial().await.is_ok());
    for _ in 1..KEPT {
        refused(caller.ask("", []).await);
    }
    assert!(caller.simulator.upgrade_attempts()[0].is_accepted());
    refused(caller.ask("", []).await);
    let dials = caller.simulator.upgrade_attempts();
    assert_eq!(dials.len(), KEPT);
    assert!(dials.iter().all(|dial| !dial.is_accepted()));
}
