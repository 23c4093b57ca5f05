//! A server that says whatever a test wants it to say.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// A handshake without fault.
pub(crate) const HANDSHAKE: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
                                    Upgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n";

/// Reads the head of a request and answers. In the answer, `{accept}` stands for the right accept key and
/// `{head}` for the request's whole head. `None` if the client is gone.
pub(crate) async fn answer(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), answer: &str) -> Option<()> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?.into());
    }
    let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: "))?;
    let accept = derive_accept_key(key.as_bytes());
    let answer = answer.replace("{accept}", &accept).replace("{head}", &head);
    stream.write_all(answer.as_bytes()).await.ok()?;
    stream.flush().await.ok()
}
