//! HTTP requests to a server of the command.

use std::io::{Read, Write};
use std::net::TcpStream;

/// Sends a request, and returns its socket.
pub(crate) fn send(address: &str, method: &str, path: &str, body: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close");
    write!(socket, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    socket
}

/// Reads the response from a socket, and returns its head and its body.
pub(crate) fn response(mut socket: TcpStream) -> (String, String) {
    let mut response = String::new();
    socket.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").expect(&response);
    (head.to_owned(), body.to_owned())
}
