//! A server that sends arbitrary bytes.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// A valid handshake response.
pub(crate) const HANDSHAKE: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                                    Upgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n";

/// Reads a request and sends the response that [`receive_request`] returns.
pub(crate) async fn respond(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    template: &str,
) -> Option<()> {
    let response = receive_request(stream, template).await?;
    stream.write_all(response.as_bytes()).await.ok()?;
    stream.flush().await.ok()
}

/// Reads a request and returns the response from a template, in which `{accept}` is replaced by the accept
/// key and `{head}` by the head of the request. Returns `None` if the client has closed the connection.
pub(crate) async fn receive_request(stream: &mut (impl AsyncRead + Unpin), template: &str) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?.into());
    }
    // An HTTP request has no key.
    let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap_or_default();
    let accept = derive_accept_key(key.as_bytes());
    Some(template.replace("{accept}", &accept).replace("{head}", &head))
}

/// Encodes a frame as a server writes it. `head` contains the FIN bit and the opcode.
pub(crate) fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let length = match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..126), _) => vec![length],
        (_, Ok(length)) => [&[126][..], &length.to_be_bytes()].concat(),
        _ => [&[127][..], &(payload.len() as u64).to_be_bytes()].concat(),
    };
    [&[head][..], &length, payload].concat()
}

/// The behaviour of the server after the TLS handshake, if any.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Behaviour {
    /// Completes the upgrade, sends and receives a frame, and drops the connection.
    Upgrade,
    /// Sends the response from this template and ends the connection.
    Respond(&'static str),
    Hang,
    Drop,
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, behaviour: Behaviour) {
    match behaviour {
        Behaviour::Upgrade => {
            respond(&mut stream, HANDSHAKE).await;
            let _ = stream.write_all(b"\x81\x05hello").await;
            let _ = stream.read(&mut [0; 64]).await;
        }
        Behaviour::Respond(template) => {
            respond(&mut stream, template).await;
            let _ = stream.shutdown().await;
            // Unread data would reset the connection before the client reads the response.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        Behaviour::Hang => std::future::pending().await,
        Behaviour::Drop => {}
    }
}

/// Starts a server for one dial and returns its port.
pub(crate) async fn server(behaviour: Behaviour, tls: Option<TlsAcceptor>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        match tls {
            None => serve(stream, behaviour).await,
            Some(tls) => {
                if let Ok(stream) = tls.accept(stream).await {
                    serve(stream, behaviour).await;
                }
            }
        }
    });
    port
}
