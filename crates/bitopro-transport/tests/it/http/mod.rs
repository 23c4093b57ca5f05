//! HTTP requests: the contract tests of every implementation, and tests that need real sockets.

mod dials;
mod keep_alive;
mod recording;
mod responses;
mod rigs;

use std::time::Duration;

use bitopro_transport::{Error, HttpClient, HyperClient};
use bytes::Bytes;
use http::{Method, Request, Response};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const DEADLINE: Duration = Duration::from_secs(60);

/// A complete response of a server that keeps the connection alive.
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn accept(listener: &TcpListener) -> TcpStream {
    listener.accept().await.unwrap().0
}

/// Reads the head of a request.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap().into());
    }
    head
}

/// Reads a request without a body, checks its method and answers it.
async fn serve(stream: &mut TcpStream, method: &Method) {
    let head = head(stream).await;
    assert!(head.starts_with(method.as_str()), "{head}");
    stream.write_all(OK.as_bytes()).await.unwrap();
}

fn request(method: Method, port: u16) -> Request<Bytes> {
    Request::builder()
        .method(method)
        .uri(format!("http://127.0.0.1:{port}/v3"))
        .header("X-BITOPRO-SIGNATURE", "s3cret")
        .body(Bytes::new())
        .unwrap()
}

async fn send(client: &HyperClient, method: Method, port: u16) -> Result<Response<Bytes>, Error> {
    client.send(request(method, port), DEADLINE).await
}
