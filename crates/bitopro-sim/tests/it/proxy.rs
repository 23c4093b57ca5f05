//! The effects of the proxy's faults on both ends of a connection.

use std::io;
use std::time::Duration;

use bitopro_sim::{Direction, Fault, FaultyProxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

struct Ends {
    listener: TcpListener,
    proxy: FaultyProxy,
    client: TcpStream,
    server: TcpStream,
}

/// Connects through a new proxy, with a fault from the start, if any.
async fn connect(fault: Option<Fault>) -> Ends {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let proxy = FaultyProxy::start(listener.local_addr().unwrap()).await.unwrap();
    if let Some(fault) = fault {
        proxy.inject_on_new(Direction::ToClient, fault);
    }
    let client = TcpStream::connect(proxy.addr()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    Ends { listener, proxy, client, server }
}

impl Ends {
    /// Opens another connection through the same proxy.
    async fn reconnect(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.proxy.addr()).await.unwrap();
        (client, self.listener.accept().await.unwrap().0)
    }

    async fn client_reads(&mut self, expected: &[u8]) {
        let mut received = vec![0; expected.len()];
        self.client.read_exact(&mut received).await.unwrap();
        assert_eq!(received, expected);
    }

    async fn server_reads(&mut self, expected: &[u8]) {
        let mut received = vec![0; expected.len()];
        self.server.read_exact(&mut received).await.unwrap();
        assert_eq!(received, expected);
    }

    /// Checks that bytes still reach the server, and gives the proxy's task time to run.
    async fn assert_server_still_receives(&mut self) {
        for _ in 0..10 {
            self.client.write_all(b"ping").await.unwrap();
            self.server_reads(b"ping").await;
        }
    }

    fn assert_client_has_no_bytes(&self) {
        let error = self.client.try_read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}

#[tokio::test]
async fn without_a_fault_bytes_and_ends_are_relayed_in_both_directions() {
    let mut ends = connect(None).await;
    let large: Vec<u8> = (0..1_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let (writing, reading) = (ends.server.write_all(&large), async {
        let mut received = vec![0; large.len()];
        ends.client.read_exact(&mut received).await.unwrap();
        received
    });
    let (written, received) = tokio::join!(writing, reading);
    written.unwrap();
    assert!(received == large);
    ends.assert_server_still_receives().await;
    ends.client.shutdown().await.unwrap();
    assert_eq!(ends.server.read(&mut [0; 8]).await.unwrap(), 0);
    ends.server.write_all(b"last words").await.unwrap();
    ends.client_reads(b"last words").await;
    drop(ends.server);
    assert_eq!(ends.client.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_pause_holds_bytes_back_until_it_is_cleared() {
    let mut ends = connect(None).await;
    ends.proxy.inject(Direction::ToClient, Fault::Pause);
    ends.server.write_all(b"held").await.unwrap();
    ends.assert_server_still_receives().await;
    ends.assert_client_has_no_bytes();
    ends.proxy.clear();
    ends.client_reads(b"held").await;
}

#[tokio::test]
async fn a_fault_applies_either_to_open_or_to_new_connections() {
    let mut first = connect(None).await;
    first.proxy.inject_on_new(Direction::ToClient, Fault::Pause);
    let (mut paused, mut paused_server) = first.reconnect().await;
    paused_server.write_all(b"held").await.unwrap();
    first.server.write_all(b"through").await.unwrap();
    first.client_reads(b"through").await;
    first.assert_server_still_receives().await;
    assert_eq!(paused.try_read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);

    first.proxy.clear_new();
    let (mut healthy, mut healthy_server) = first.reconnect().await;
    healthy_server.write_all(b"sent").await.unwrap();
    let mut received = [0; 4];
    healthy.read_exact(&mut received).await.unwrap();
    assert_eq!(&received, b"sent");
    assert_eq!(paused.try_read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);

    first.proxy.clear();
    paused.read_exact(&mut received).await.unwrap();
    assert_eq!(&received, b"held");
    assert_eq!(first.proxy.accepted(), 3);
}

#[tokio::test]
async fn split_bytes_arrive_in_several_reads() {
    let mut ends = connect(Some(Fault::Split { bytes: 1 })).await;
    let sent: Vec<u8> = (0..=255).collect();
    ends.server.write_all(&sent).await.unwrap();
    ends.server.shutdown().await.unwrap();
    let (mut received, mut reads) = (Vec::with_capacity(1000), 0);
    while ends.client.read_buf(&mut received).await.unwrap() > 0 {
        reads += 1;
    }
    assert_eq!(received, sent);
    assert!(reads > 1, "everything arrived in a single read");
}

#[tokio::test]
async fn throttled_bytes_arrive_piece_by_piece() {
    let mut ends = connect(Some(Fault::Throttle { bytes: 1, every: Duration::from_secs(3600) })).await;
    ends.server.write_all(b"hello").await.unwrap();
    ends.client_reads(b"h").await;
    ends.assert_server_still_receives().await;
    ends.assert_client_has_no_bytes();
    ends.proxy.clear();
    ends.client_reads(b"ello").await;
}

#[tokio::test]
async fn coalesced_bytes_arrive_in_a_single_read() {
    let mut ends = connect(Some(Fault::Coalesce { bytes: 10 })).await;
    ends.server.write_all(b"01234").await.unwrap();
    ends.assert_server_still_receives().await;
    ends.assert_client_has_no_bytes();
    ends.server.write_all(b"56789").await.unwrap();
    let mut received = [0; 16];
    assert_eq!(ends.client.read(&mut received).await.unwrap(), 10);
    ends.server.write_all(b"rest").await.unwrap();
    ends.server.shutdown().await.unwrap();
    ends.client_reads(b"rest").await;
}

#[tokio::test]
async fn corruption_flips_the_bits_of_one_byte() {
    let mut ends = connect(Some(Fault::Corrupt { after: 2 })).await;
    ends.server.write_all(b"ab\x0fcd").await.unwrap();
    ends.client_reads(b"ab\xf0cd").await;
}

#[tokio::test]
async fn finishing_ends_only_one_direction() {
    let mut ends = connect(None).await;
    ends.proxy.inject(Direction::ToClient, Fault::Finish { after: 3 });
    ends.server.write_all(b"cut short").await.unwrap();
    ends.client_reads(b"cut").await;
    assert_eq!(ends.client.read(&mut [0; 8]).await.unwrap(), 0);
    ends.assert_server_still_receives().await;
}

#[tokio::test]
async fn a_reset_affects_both_sides() {
    let mut ends = connect(Some(Fault::Reset { after: 3 })).await;
    ends.server.write_all(b"cut short").await.unwrap();
    ends.client_reads(b"cut").await;
    let error = ends.client.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let error = ends.server.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn new_connections_go_to_the_new_target() {
    let (first, other) = (connect(None).await, TcpListener::bind(("127.0.0.1", 0)).await.unwrap());
    first.proxy.set_target(other.local_addr().unwrap());
    let mut client = TcpStream::connect(first.proxy.addr()).await.unwrap();
    other.accept().await.unwrap().0.write_all(b"hello").await.unwrap();
    let mut received = String::new();
    client.read_to_string(&mut received).await.unwrap();
    assert_eq!(received, "hello");
}

#[tokio::test]
async fn dropping_the_proxy_ends_its_connections() {
    let mut ends = connect(None).await;
    drop(ends.proxy);
    assert_eq!(ends.client.read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(ends.server.read(&mut [0; 8]).await.unwrap(), 0);
}
