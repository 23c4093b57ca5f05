//! A server that says whatever a test wants it to say.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// A handshake without fault.
pub(crate) const HANDSHAKE: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                                    Upgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n";

/// Reads the head of a request and answers. In the answer, `{accept}` stands for the right accept key and
/// `{head}` for the request's whole head. `None` if the client is gone.
pub(crate) async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), answer: &str) -> Option<()> {
    let answer = asked(stream, answer).await?;
    stream.write_all(answer.as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

/// As [`answer`], but gives the answer instead of sending it.
pub(crate) async fn asked(stream: &mut (impl AsyncRead + Unpin), answer: &str) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?.into());
    }
    let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: "))?;
    let accept = derive_accept_key(key.as_bytes());
    Some(answer.replace("{accept}", &accept).replace("{head}", &head))
}

/// A frame of a server; `head` holds the FIN bit and the opcode.
pub(crate) fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let length = match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..126), _) => vec![length],
        (_, Ok(length)) => [&[126][..], &length.to_be_bytes()].concat(),
        _ => [&[127][..], &(payload.len() as u64).to_be_bytes()].concat(),
    };
    [&[head][..], &length, payload].concat()
}

/// What the server does with a dial after its TLS, if it has TLS.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Does {
    /// Completes the upgrade, sends and receives a frame, and breaks the connection.
    Open,
    Answer(&'static str),
    Nothing,
    Drop,
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, does: Does) {
    match does {
        Does::Open => {
            answer(&mut stream, HANDSHAKE).await;
            let _ = stream.write_all(b"\x81\x05hello").await;
            let _ = stream.read(&mut [0; 64]).await;
        }
        Does::Answer(with) => {
            answer(&mut stream, with).await;
            let _ = stream.shutdown().await;
        }
        Does::Nothing => std::future::pending().await,
        Does::Drop => {}
    }
}

/// The port of a server that does this with its one dial.
pub(crate) async fn server(does: Does, tls: Option<TlsAcceptor>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        match tls {
            None => serve(stream, does).await,
            Some(tls) => {
                if let Ok(stream) = tls.accept(stream).await {
                    serve(stream, does).await;
                }
            }
        }
    });
    port
}
