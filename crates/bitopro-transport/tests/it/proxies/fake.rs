//! A proxy with scripted behaviour that reports the requests and the data that it received.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http,
    Socks5,
}

/// The behaviour of a proxy after a dial.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    /// Sends this response and connects to this port of this machine, regardless of the requested target.
    Connect(&'static str, u16),
    /// Sends this response, in which each character is one byte, and ends the connection. `{head}` is
    /// replaced by the request.
    Respond(String),
    /// Reads the request and never responds.
    Hang,
    /// Like `Hang`, and pauses the test's clock.
    HangAndPauseTime,
    /// Ends the connection.
    Drop,
}

/// The response to a successful `CONNECT`.
pub(crate) const CONNECTED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The head of a `CONNECT` request, or `user:password@host:port` of a SOCKS5 request.
    Request(String),
    /// Data that the client sent through the tunnel.
    Data(Vec<u8>),
}

pub(crate) struct FakeProxy {
    pub(crate) address: SocketAddr,
    events: mpsc::UnboundedReceiver<Event>,
    server: JoinHandle<()>,
}

impl FakeProxy {
    /// Starts a proxy.
    pub(crate) async fn start(protocol: Protocol, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, events) = mpsc::unbounded_channel();
        let server = tokio::spawn(async move {
            // Aborting the server also aborts its connections.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (behaviour, sender) = (behaviour.clone(), sender.clone());
                connections.spawn(async move {
                    // Some tests drop the client, so an error is expected.
                    let _ = serve(stream, protocol, &behaviour, &sender).await;
                });
            }
        });
        Self { address, events, server }
    }

    /// Waits for the first request.
    pub(crate) async fn request(&mut self) -> String {
        match self.events.recv().await {
            Some(Event::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    /// Returns the data that the client has sent through the tunnel so far.
    pub(crate) fn tunnelled(&mut self) -> Vec<u8> {
        let mut data = Vec::new();
        while let Ok(Event::Data(bytes)) = self.events.try_recv() {
            data.extend(bytes);
        }
        data
    }

    /// Stops the proxy and drops its connections.
    pub(crate) fn stop(&self) {
        self.server.abort();
    }
}

impl Drop for FakeProxy {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn serve(
    mut client: TcpStream,
    protocol: Protocol,
    behaviour: &Behaviour,
    events: &mpsc::UnboundedSender<Event>,
) -> std::io::Result<()> {
    let head = match (protocol, behaviour) {
        (_, Behaviour::Drop) => return Ok(()),
        (Protocol::Http, _) => http_head(&mut client).await?,
        (Protocol::Socks5, Behaviour::Connect(..)) => socks5_request(&mut client).await?,
        // The first byte of the greeting is enough, because the scripted response does not depend on the
        // rest.
        (Protocol::Socks5, _) => format!("{:?}", &client.read_u8().await?),
    };
    let _ = events.send(Event::Request(head.clone()));
    match behaviour {
        Behaviour::Connect(response, port) => {
            let server = TcpStream::connect(("127.0.0.1", *port)).await?;
            let response: &[u8] = match protocol {
                Protocol::Http => response.as_bytes(),
                Protocol::Socks5 => b"\x05\0\0\x01\0\0\0\0\0\0",
            };
            client.write_all(response).await?;
            tunnel(client, server, events).await
        }
        Behaviour::Respond(response) => {
            let response = response.replace("{head}", &head);
            let bytes: Vec<u8> = response.chars().map(|byte| u8::try_from(byte).unwrap()).collect();
            client.write_all(&bytes).await?;
            client.shutdown().await?;
            // Unread data would reset the connection before the client reads the response.
            client.read_to_end(&mut Vec::new()).await.map(|_| ())
        }
        Behaviour::HangAndPauseTime => {
            tokio::time::pause();
            std::future::pending().await
        }
        Behaviour::Hang | Behaviour::Drop => std::future::pending().await,
    }
}

async fn http_head(client: &mut TcpStream) -> std::io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(client.read_u8().await?.into());
    }
    Ok(head)
}

/// Reads a SOCKS5 request and returns its login and target. Accepts any login.
async fn socks5_request(client: &mut TcpStream) -> std::io::Result<String> {
    assert_eq!(client.read_u8().await?, 5, "the version");
    let methods = length_prefixed(client).await?;
    let login = if methods.contains(&2) {
        client.write_all(&[5, 2]).await?;
        assert_eq!(client.read_u8().await?, 1, "the version of the login request");
        let (user, password) = (length_prefixed(client).await?, length_prefixed(client).await?);
        client.write_all(&[1, 0]).await?;
        format!("{}:{}@", String::from_utf8(user).unwrap(), String::from_utf8(password).unwrap())
    } else {
        client.write_all(&[5, 0]).await?;
        String::new()
    };
    let mut head = [0; 4];
    client.read_exact(&mut head).await?;
    assert_eq!(head, [5, 1, 0, 3], "a CONNECT request for a name");
    let host = String::from_utf8(length_prefixed(client).await?).unwrap();
    let port = client.read_u16().await?;
    Ok(format!("{login}{host}:{port}"))
}

/// Reads bytes that are preceded by a length of one byte.
async fn length_prefixed(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; client.read_u8().await?.into()];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn tunnel(
    client: TcpStream,
    server: TcpStream,
    events: &mpsc::UnboundedSender<Event>,
) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        loop {
            let mut bytes = Vec::with_capacity(4096);
            if from_client.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
            let _ = events.send(Event::Data(bytes.clone()));
            to_server.write_all(&bytes).await?;
        }
    };
    tokio::select! {
        ended = up => ended,
        ended = copy(&mut from_server, &mut to_client) => ended.map(|_| ()),
    }
}
