//! The proxy that the environment names.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use crate::process::{Running, bitopro, run, with_credentials};

#[test]
fn the_proxy_of_the_environment_is_asked_and_its_password_is_not_shown() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let head: Vec<String> = BufReader::new(client.try_clone().unwrap())
            .lines()
            .map(Result::unwrap)
            .take_while(|line| !line.is_empty())
            .collect();
        let no = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        client.write_all(no.as_bytes()).unwrap();
        head
    });
    let mut command = bitopro(&["watch", "balances", "--url", "wss://exchange.test/ws"]);
    with_credentials(&mut command, "key", "secret", "me@example.com");
    command.env("https_proxy", format!("http://me:hush@{address}"));
    let mut watching = Running::start(&mut command);
    let line = watching.line();
    for part in ["\"disconnected\"", "does not accept the user name and password"] {
        assert!(line.contains(part), "{line}");
    }
    assert!(!line.contains("hush"), "{line}");
    let asked = ["CONNECT exchange.test:443 HTTP/1.1", "host: exchange.test:443"];
    assert_eq!(proxy.join().unwrap(), [&asked[..], &["proxy-authorization: Basic bWU6aHVzaA=="]].concat());
}

#[test]
fn a_proxy_that_cannot_be_used_ends_the_command_before_it_dials() {
    let mut command = bitopro(&["watch", "balances", "--url", "wss://exchange.test/ws"]);
    with_credentials(&mut command, "key", "secret", "me@example.com");
    let done = run(command.env("ALL_PROXY", "https://me:hush@proxy.test").env("RUST_LOG", "trace"));
    assert_eq!(done.code, Some(2), "{done:?}");
    for part in ["the environment's ALL_PROXY cannot be used", "use its `http://` port"] {
        assert!(done.stderr.contains(part), "{done:?}");
    }
    assert!(!format!("{done:?}").contains("hush"), "{done:?}");
}
