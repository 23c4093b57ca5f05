//! A proxy that does what a test wants, and tells what it was asked and what passed through it.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The language of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http,
    Socks5,
}

/// What a proxy does with a dial.
#[derive(Debug, Clone)]
pub(crate) enum Does {
    /// Gives this answer, a yes, and connects to this port of this machine, whatever it was asked for.
    Connect(&'static str, u16),
    /// Gives this answer, a character a byte, and ends the connection. `{head}` stands for what it was asked.
    Answer(String),
    /// Reads the request, and never says anything.
    Hang,
    /// As `Hang`, and stops the clock of the test.
    HangWithoutTime,
    /// Ends the connection.
    Drop,
}

pub(crate) const YES: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

/// What a proxy was asked, or what passed through it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The head of a `CONNECT`, or of SOCKS5 the target and the login in a form of our own.
    Asked(String),
    /// What the client sent through the tunnel.
    Passed(Vec<u8>),
}

pub(crate) struct FakeProxy {
    pub(crate) address: SocketAddr,
    events: mpsc::UnboundedReceiver<Event>,
    serving: JoinHandle<()>,
}

impl FakeProxy {
    /// A proxy that does this with every dial, one after the other.
    pub(crate) async fn start(speaks: Speaks, does: Does) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, events) = mpsc::unbounded_channel();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that goes away is what some of the tests are about.
                let _ = serve(stream, speaks, &does, &sender).await;
            }
        });
        Self { address, events, serving }
    }

    /// What it was asked first.
    pub(crate) async fn asked(&mut self) -> String {
        match self.events.recv().await {
            Some(Event::Asked(asked)) => asked,
            other => panic!("{other:?}"),
        }
    }

    /// What has passed by now.
    pub(crate) fn passed(&mut self) -> Vec<u8> {
        let mut passed = Vec::new();
        while let Ok(Event::Passed(bytes)) = self.events.try_recv() {
            passed.extend(bytes);
        }
        passed
    }

    /// Ends it, with everything that goes through it.
    pub(crate) fn die(&self) {
        self.serving.abort();
    }
}

impl Drop for FakeProxy {
    fn drop(&mut self) {
        self.die();
    }
}

async fn serve(
    mut client: TcpStream,
    speaks: Speaks,
    does: &Does,
    events: &mpsc::UnboundedSender<Event>,
) -> std::io::Result<()> {
    let head = match (speaks, does) {
        (_, Does::Drop) => return Ok(()),
        (Speaks::Http, _) => http_head(&mut client).await?,
        (Speaks::Socks5, Does::Connect(..)) => socks5_request(&mut client).await?,
        // The greeting, whose answer decides all the rest.
        (Speaks::Socks5, _) => format!("{:?}", &client.read_u8().await?),
    };
    let _ = events.send(Event::Asked(head.clone()));
    match does {
        Does::Connect(yes, port) => {
            let server = TcpStream::connect(("127.0.0.1", *port)).await?;
            let yes: &[u8] =
                if speaks == Speaks::Http { yes.as_bytes() } else { b"\x05\0\0\x01\0\0\0\0\0\0" };
            client.write_all(yes).await?;
            tunnel(client, server, events).await
        }
        Does::Answer(answer) => {
            let answer = answer.replace("{head}", &head);
            let bytes: Vec<u8> = answer.chars().map(|byte| u8::try_from(byte).unwrap()).collect();
            client.write_all(&bytes).await?;
            client.shutdown().await?;
            // What the client still sends would otherwise reset the connection under the answer.
            client.read_to_end(&mut Vec::new()).await.map(|_| ())
        }
        Does::HangWithoutTime => {
            tokio::time::pause();
            std::future::pending().await
        }
        Does::Hang | Does::Drop => std::future::pending().await,
    }
}

async fn http_head(client: &mut TcpStream) -> std::io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(client.read_u8().await?.into());
    }
    Ok(head)
}

/// The target and the login of a SOCKS5 request. A proxy that is offered a login takes it.
async fn socks5_request(client: &mut TcpStream) -> std::io::Result<String> {
    assert_eq!(client.read_u8().await?, 5, "the version");
    let methods = short(client).await?;
    let login = if methods.contains(&2) {
        client.write_all(&[5, 2]).await?;
        assert_eq!(client.read_u8().await?, 1, "the version of the login");
        let (user, password) = (short(client).await?, short(client).await?);
        client.write_all(&[1, 0]).await?;
        format!("{}:{}@", String::from_utf8(user).unwrap(), String::from_utf8(password).unwrap())
    } else {
        client.write_all(&[5, 0]).await?;
        String::new()
    };
    let mut head = [0; 4];
    client.read_exact(&mut head).await?;
    assert_eq!(head, [5, 1, 0, 3], "a connection to a name");
    let host = String::from_utf8(short(client).await?).unwrap();
    let port = client.read_u16().await?;
    Ok(format!("{login}{host}:{port}"))
}

/// Bytes behind their number.
async fn short(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
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
            let _ = events.send(Event::Passed(bytes.clone()));
            to_server.write_all(&bytes).await?;
        }
    };
    tokio::select! {
        ended = up => ended,
        ended = copy(&mut from_server, &mut to_client) => ended.map(|_| ()),
    }
}
