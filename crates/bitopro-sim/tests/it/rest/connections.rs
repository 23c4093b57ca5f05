use std::time::Duration;

use bitopro_sim::Simulator;
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::{sleep, timeout};

use crate::harness::over_sockets;

/// Sends a request for the tickers, and returns the response's head, or `None` if the connection has ended.
async fn ticker(io: &mut DuplexStream) -> Option<String> {
    io.write_all(b"GET /v3/tickers/btc_twd HTTP/1.1\r\nHost: localhost\r\n\r\n").await.ok()?;
    let mut received = Vec::new();
    while !received.ends_with(b"}") {
        if io.read_buf(&mut received).await.ok()? == 0 {
            return None;
        }
    }
    String::from_utf8(received).ok()
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_kept_alive_between_calls_for_75_s() {
    let simulator = Simulator::builder().start_in_memory().unwrap();
    let (mut io, server) = duplex(1 << 16);
    simulator.serve_connection(server);
    for _ in 0..3 {
        let response = ticker(&mut io).await.unwrap();
        assert!(response.starts_with("HTTP/1.1 200 OK") && response.contains("date: "), "{response}");
        assert!(response.contains("\"data\":{"), "{response}");
        sleep(Duration::from_secs(74)).await;
    }
    assert!(ticker(&mut io).await.is_some());
    sleep(Duration::from_secs(76)).await;
    assert_eq!(ticker(&mut io).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_body_never_arrives_ends_the_connection() {
    let simulator = Simulator::builder().start_in_memory().unwrap();
    let (mut io, server) = duplex(1 << 16);
    simulator.serve_connection(server);
    let head = "POST /v3/orders/btc_twd HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{";
    io.write_all(head.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    timeout(Duration::from_secs(11), io.read_to_end(&mut received)).await.unwrap().unwrap();
    assert_eq!(received, b"");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_with_a_reason() {
    let harness = over_sockets(Simulator::builder()).await;
    let body = " ".repeat((64 << 10) + 1);
    let (status, reply) = harness.with_body(Method::POST, "/orders/btc_twd", &body).await;
    assert_eq!((status, reply["error"].as_str()), (413, Some("the body exceeds 65536 bytes")));
}

#[tokio::test]
async fn a_stopping_simulator_ends_idle_connections() {
    let simulator = Simulator::builder().start_in_memory().unwrap();
    let (mut io, server) = duplex(1 << 16);
    simulator.serve_connection(server);
    ticker(&mut io).await.unwrap();
    simulator.stop().await;
    assert_eq!(ticker(&mut io).await, None);
}
