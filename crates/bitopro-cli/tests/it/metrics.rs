//! `bitopro watch --metrics`, as Prometheus would read it.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

use crate::http_client::{response, send};
use crate::process::{Running, bitopro, run};

#[test]
fn prometheus_reads_the_numbers_of_a_running_watch() {
    let mut command = bitopro(&["watch", "all", "--demo", "--metrics", "127.0.0.1:0"]);
    let mut watch = Running::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut line = String::new();
    BufReader::new(watch.stderr()).read_line(&mut line).unwrap();
    let url = line.trim_end().strip_prefix("bitopro: the metrics are at http://").expect(&line);
    let address = url.strip_suffix("/metrics").unwrap();
    // The order of the first messages of four streams is not determined.
    while watch.json()["type"] != "update" {}
    let (head, body) = response(send(address, "GET", "/metrics", ""));
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    for line in [
        "# TYPE bitopro_updates_total counter",
        "bitopro_connections_total{stream=\"account-balance\"} 1",
        "bitopro_connected{stream=\"user-trades\"} 1",
        "bitopro_gaps_total{stream=\"active-orders\"} 0",
        "bitopro_fresh{stream=\"history-orders\"} 1",
    ] {
        assert!(body.lines().any(|found| found == line), "{line}\n{body}");
    }
    let status =
        |method, path| response(send(address, method, path, "")).0.lines().next().unwrap().to_owned();
    assert_eq!(status("GET", "/"), "HTTP/1.1 404 Not Found");
    assert_eq!(status("POST", "/metrics"), "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(response(send(address, "GET", "/", "")).1, "the metrics are at /metrics\n");
}

#[test]
fn an_address_that_is_in_use_is_a_usage_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let outcome = run(&mut bitopro(&["watch", "all", "--demo", "--metrics", &address]));
    assert_eq!(outcome.code, Some(2));
    let expected =
        format!("bitopro: cannot listen on {address} for `--metrics`; choose another port, or 0 for any\n");
    assert!(outcome.stderr.starts_with(&expected), "{}", outcome.stderr);
    let outcome = run(&mut bitopro(&["watch", "all", "--demo", "--metrics", "9100"]));
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome.stderr.contains("expected an IP address and a port, such as 127.0.0.1:9100"),
        "{}",
        outcome.stderr
    );
}
