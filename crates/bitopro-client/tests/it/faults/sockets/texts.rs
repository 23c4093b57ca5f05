//! The texts of errors, as a user reads them. The snapshot lists them.

use std::fmt::Write as _;
use std::time::Duration;

use bitopro_client::transport::{Limits, TungsteniteConnector};
use bitopro_client::{Client, ClientBuilder, Credentials, Error, ErrorKind, Item};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::wire::{FIN, TEXT, frame, header};

const CLOSE: u8 = 8;
const KEY: &str = "0123456789abcdefghijklmnopqrstuv";
const EMAIL: &str = "someone@example.com";

/// The page that nginx 1.22 sends for a status.
fn nginx_page(status: &str) -> String {
    let page = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n\
         <hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
    );
    format!("Server: nginx/1.22.1\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{page}", page.len())
}

fn json(body: &str) -> String {
    format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Returns a client of the server at this port.
fn client(port: u16) -> ClientBuilder {
    let connector = TungsteniteConnector::new().with_limits(Limits::default().with_message_bytes(1 << 20));
    Client::builder(Credentials::new(KEY, "api-secret", EMAIL).unwrap())
        .with_connector(connector)
        .with_endpoint(format!("ws://127.0.0.1:{port}/ws"))
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Returns the error of the first dial, or of the connection that results from it.
async fn error(client: ClientBuilder) -> Error {
    let mut balances = client.build().unwrap().balances();
    loop {
        match balances.next().await.unwrap() {
            Item::Connected(_) => {}
            Item::Disconnected(disconnected) => return disconnected.error,
            Item::Closed(bitopro_client::Closed::Failed(error)) => return error,
            other => panic!("{other:?}"),
        }
    }
}

/// Reads the head of a request.
async fn request(stream: &mut TcpStream) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap().into());
    }
    head
}

/// Returns the value of a header of the request.
fn sent<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap()
}

/// Answers a dial with these bytes, and keeps the connection open. The bytes may depend on the request.
async fn answered(respond: impl FnOnce(&str) -> Vec<u8>) -> (Error, u16) {
    let (listener, port) = listen().await;
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = request(&mut stream).await;
        stream.write_all(&respond(&head)).await.unwrap();
        let _ = stream.shutdown().await;
        stream
    };
    let (error, _stream) = tokio::join!(error(client(port)), serve);
    (error, port)
}

/// Returns the response that accepts an upgrade, followed by these bytes.
fn accept(head: &str, bytes: &[u8]) -> Vec<u8> {
    let accept = derive_accept_key(sent(head, "sec-websocket-key").as_bytes());
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    [response.as_bytes(), bytes].concat()
}

/// Accepts an upgrade, and sends these bytes.
async fn connected(bytes: Vec<u8>) -> (Error, u16) {
    answered(|head| accept(head, &bytes)).await
}

fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(FIN | CLOSE, [&code.to_be_bytes()[..], reason.as_bytes()].concat())
}

/// The texts of errors, each under the name of its case.
#[derive(Default)]
struct Texts(String);

impl Texts {
    fn add(&mut self, case: &str, (error, port): (Error, u16)) {
        let text = format!("{error:#}").replace(&format!(":{port}"), ":PORT");
        for secret in [KEY, EMAIL, "api-secret"] {
            assert!(!text.contains(secret), "{text}");
        }
        writeln!(self.0, "{case} ({}):\n    {text}", error.kind().name()).unwrap();
    }

    fn assert_match(self, name: &str) {
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "../../snapshots" }, {
            insta::assert_snapshot!(format!("texts__{name}"), self.0);
        });
    }
}

#[tokio::test]
async fn fault_59_a_refusal_names_who_answered_and_does_not_speak_for_the_exchange() {
    let page = nginx_page;
    let empty = || "Content-Length: 0\r\n\r\n".to_owned();
    let mut texts = Texts::default();
    for (status, rest) in [
        ("200 OK", empty()),
        ("200 OK", page("Welcome to nginx!")),
        ("301 Moved Permanently", format!("Location: https://login.example/ws\r\n{}", page("301 Moved"))),
        ("400 Bad Request", page("400 The plain HTTP request was sent to HTTPS port")),
        ("400 Bad Request", json(r#"{"error":"Missing header X-BITOPRO-PAYLOAD"}"#)),
        ("401 Unauthorized", page("401 Authorization Required")),
        ("401 Unauthorized", json(r#"{"error":"Invalid API key"}"#)),
        ("403 Forbidden", page("403 Forbidden")),
        ("403 Forbidden", json(r#"{"error":"IP 203.0.113.9 is not in the whitelist"}"#)),
        ("404 Not Found", page("404 Not Found")),
        ("404 Not Found", json(r#"{"message":"404 NOT FOUND"}"#)),
        ("408 Request Timeout", empty()),
        ("409 Conflict", json(r#"{"error":"invalid nonce"}"#)),
        ("418 I'm a teapot", empty()),
        ("422 Unprocessable Entity", json(r#"{"error":"Invalid parameter"}"#)),
        ("429 Too Many Requests", format!("Server: cloudflare\r\n{}", empty())),
        ("500 Internal Server Error", json(r#"{"error":"internal error"}"#)),
        ("502 Bad Gateway", page("502 Bad Gateway")),
        ("503 Service Unavailable", page("503 Service Temporarily Unavailable")),
    ] {
        let response = format!("HTTP/1.1 {status}\r\n{rest}");
        let (error, port) = answered(|_| response.into_bytes()).await;
        assert!(!error.to_string().contains("the exchange rejected"), "{error}");
        texts.add(status, (error, port));
    }
    texts.assert_match("refusals");
}

#[cfg(target_os = "linux")] // The texts of the system differ elsewhere.
#[tokio::test]
async fn every_failure_of_a_dial_or_a_connection_says_what_happened() {
    let mut texts = Texts::default();
    let (listener, port) = listen().await;
    drop(listener);
    texts.add("connection refused", (error(client(port)).await, port));
    let (_listener, port) = listen().await;
    let impatient = client(port).with_dial_deadline(Duration::from_millis(50));
    texts.add("no response", (error(impatient).await, port));
    texts.add("closed instead of a response", answered(|_| Vec::new()).await);
    texts.add("not HTTP", answered(|_| b"SSH-2.0-OpenSSH_9.6\r\n".to_vec()).await);
    let switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n";
    texts.add("another protocol", answered(|_| switching.into()).await);
    for (code, reason) in [(1000, ""), (1001, "going away"), (1008, "policy"), (1011, "overload"), (4000, "")]
    {
        texts.add(&format!("close {code}"), connected(close(code, reason)).await);
    }
    for code in [1005, 1006] {
        let (error, port) = connected(close(code, "")).await;
        assert_eq!(error.kind(), ErrorKind::ClosedByServer { code: None });
        texts.add(&format!("close {code}, which is never sent"), (error, port));
    }
    texts.add("close without a code", connected(frame(FIN | CLOSE, "")).await);
    texts.add("end without a close", connected(Vec::new()).await);
    texts.add("oversized message", connected(header(FIN | TEXT, 64 << 20)).await);
    texts.add("invalid opcode", connected(frame(FIN | 3, "")).await);
    let (listener, port) = listen().await;
    let idle = client(port).with_idle_limit(Duration::from_millis(50));
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = request(&mut stream).await;
        stream.write_all(&accept(&head, b"")).await.unwrap();
        stream
    };
    let (silent, _stream) = tokio::join!(error(idle), serve);
    texts.add("silence", (silent, port));
    texts.assert_match("failures");
}

#[tokio::test]
async fn fault_58_an_echo_of_the_request_is_never_shown() {
    for name in ["x-bitopro-apikey", "x-bitopro-payload", "x-bitopro-signature"] {
        for template in [
            "HTTP/1.1 401 No\r\nServer: ECHO\r\nContent-Type: text/ECHO\r\n\r\nyou sent ECHO",
            "HTTP/1.1 401 No\r\n\r\n{\"error\":\"you sent ECHO\"}",
            "HTTP/1.1 401 No\r\n\r\n<title>you sent ECHO</title>",
            "HTTP/1.1 302 No\r\nLocation: https://ECHO.example/ECHO\r\nContent-Length: 0\r\n\r\n",
            "close",
        ] {
            let mut echo = String::new();
            let (error, _) = answered(|head| {
                sent(head, name).clone_into(&mut echo);
                if template == "close" {
                    accept(head, &close(1011, &format!("you sent {echo:.100}")))
                } else {
                    template.replace("ECHO", &echo).into_bytes()
                }
            })
            .await;
            let (text, echo) = (format!("{error:#} {error:?}").to_lowercase(), echo.to_lowercase());
            assert!(text.contains("(redacted)"), "{name} in {template}: {text}");
            for part in echo.as_bytes().windows(12) {
                let part = std::str::from_utf8(part).unwrap();
                assert!(!text.contains(part), "{name} in {template}: {text}");
            }
        }
    }
}
