//! Proxies from the environment.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use crate::process::{Running, bitopro, run, with_credentials};

#[test]
fn the_proxy_from_the_environment_is_used_and_its_password_is_not_shown() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let head: Vec<String> = BufReader::new(client.try_clone().unwrap())
            .lines()
            .map(Result::unwrap)
            .take_while(|line| !line.is_empty())
            .collect();
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        client.write_all(refusal.as_bytes()).unwrap();
        head
    });
    let mut command = bitopro(&["watch", "balances", "--url", "wss://exchange.test/ws"]);
    with_credentials(&mut command, "key", "secret", "me@example.com");
    command.env("https_proxy", format!("http://me:hush@{address}"));
    let mut running = Running::start(&mut command);
    let line = running.line();
    for part in ["\"disconnected\"", "rejected the user name and password"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.contains("hush"), "{line}");
    let expected = ["CONNECT exchange.test:443 HTTP/1.1", "host: exchange.test:443"];
    assert_eq!(proxy.join().unwrap(), [&expected[..], &["proxy-authorization: Basic bWU6aHVzaA=="]].concat());
}

#[test]
fn an_unusable_proxy_ends_the_command_before_it_dials() {
    let mut command = bitopro(&["watch", "balances", "--url", "wss://exchange.test/ws"]);
    with_credentials(&mut command, "key", "secret", "me@example.com");
    let outcome = run(command.env("ALL_PROXY", "https://me:hush@proxy.test").env("RUST_LOG", "trace"));
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    for part in ["ALL_PROXY does not name a usable proxy", "use its `http://` port"] {
        assert!(outcome.stderr.contains(part), "{outcome:?}");
    }
    assert!(!format!("{outcome:?}").contains("hush"), "{outcome:?}");
}
