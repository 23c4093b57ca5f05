//! The effects of the proxy on a connection, seen from both of its ends.

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

/// A connection through a proxy that inflicts this on it from the beginning.
async fn ends(fault: Option<Fault>) -> Ends {
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
    /// The ends of one more connection through the same proxy.
    async fn another(&self) -> (TcpStream, TcpStream) {
        let client = TcpStream::connect(self.proxy.addr()).await.unwrap();
        (client, self.listener.accept().await.unwrap().0)
    }

    async fn client_reads(&mut self, expected: &[u8]) {
        let mut came = vec![0; expected.len()];
        self.client.read_exact(&mut came).await.unwrap();
        assert_eq!(came, expected);
    }

    async fn server_reads(&mut self, expected: &[u8]) {
        let mut came = vec![0; expected.len()];
        self.server.read_exact(&mut came).await.unwrap();
        assert_eq!(came, expected);
    }

    /// Shows that the other direction is well, and that the proxy has had its turn meanwhile.
    async fn the_server_still_hears(&mut self) {
        for _ in 0..10 {
            self.client.write_all(b"ping").await.unwrap();
            self.server_reads(b"ping").await;
        }
    }

    fn client_has_nothing(&self) {
        let error = self.client.try_read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}

#[tokio::test]
async fn without_a_fault_everything_passes_both_ways_and_ends_with_its_ends() {
    let mut ends = ends(None).await;
    let large: Vec<u8> = (0..1_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let (writing, reading) = (ends.server.write_all(&large), async {
        let mut came = vec![0; large.len()];
        ends.client.read_exact(&mut came).await.unwrap();
        came
    });
    let (written, came) = tokio::join!(writing, reading);
    written.unwrap();
    assert!(came == large);
    ends.the_server_still_hears().await;
    ends.client.shutdown().await.unwrap();
    assert_eq!(ends.server.read(&mut [0; 8]).await.unwrap(), 0);
    ends.server.write_all(b"last words").await.unwrap();
    ends.client_reads(b"last words").await;
    drop(ends.server);
    assert_eq!(ends.client.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn what_is_paused_waits_until_it_is_healed() {
    let mut ends = ends(None).await;
    ends.proxy.inject(Direction::ToClient, Fault::Pause);
    ends.server.write_all(b"held").await.unwrap();
    ends.the_server_still_hears().await;
    ends.client_has_nothing();
    ends.proxy.clear();
    ends.client_reads(b"held").await;
}

#[tokio::test]
async fn a_fault_is_of_those_that_are_open_or_of_those_that_come() {
    let mut first = ends(None).await;
    first.proxy.inject_on_new(Direction::ToClient, Fault::Pause);
    let (mut paused, mut paused_server) = first.another().await;
    paused_server.write_all(b"held").await.unwrap();
    first.server.write_all(b"through").await.unwrap();
    first.client_reads(b"through").await;
    first.the_server_still_hears().await;
    assert_eq!(paused.try_read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);

    first.proxy.clear_new();
    let (mut well, mut well_server) = first.another().await;
    well_server.write_all(b"well").await.unwrap();
    let mut came = [0; 4];
    well.read_exact(&mut came).await.unwrap();
    assert_eq!(&came, b"well");
    assert_eq!(paused.try_read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);

    first.proxy.clear();
    paused.read_exact(&mut came).await.unwrap();
    assert_eq!(&came, b"held");
    assert_eq!(first.proxy.accepted(), 3);
}

#[tokio::test]
async fn what_is_split_comes_in_pieces() {
    let mut ends = ends(Some(Fault::Split { bytes: 1 })).await;
    let sent: Vec<u8> = (0..=255).collect();
    ends.server.write_all(&sent).await.unwrap();
    ends.server.shutdown().await.unwrap();
    let (mut came, mut reads) = (Vec::with_capacity(1000), 0);
    while ends.client.read_buf(&mut came).await.unwrap() > 0 {
        reads += 1;
    }
    assert_eq!(came, sent);
    assert!(reads > 1, "it came at once");
}

#[tokio::test]
async fn what_is_throttled_comes_piece_by_piece() {
    let mut ends = ends(Some(Fault::Throttle { bytes: 1, every: Duration::from_secs(3600) })).await;
    ends.server.write_all(b"hello").await.unwrap();
    ends.client_reads(b"h").await;
    ends.the_server_still_hears().await;
    ends.client_has_nothing();
    ends.proxy.clear();
    ends.client_reads(b"ello").await;
}

#[tokio::test]
async fn what_is_coalesced_comes_at_once() {
    let mut ends = ends(Some(Fault::Coalesce { bytes: 10 })).await;
    ends.server.write_all(b"01234").await.unwrap();
    ends.the_server_still_hears().await;
    ends.client_has_nothing();
    ends.server.write_all(b"56789").await.unwrap();
    let mut came = [0; 16];
    assert_eq!(ends.client.read(&mut came).await.unwrap(), 10);
    ends.server.write_all(b"rest").await.unwrap();
    ends.server.shutdown().await.unwrap();
    ends.client_reads(b"rest").await;
}

#[tokio::test]
async fn one_byte_is_corrupted() {
    let mut ends = ends(Some(Fault::Corrupt { after: 2 })).await;
    ends.server.write_all(b"ab\x0fcd").await.unwrap();
    ends.client_reads(b"ab\xf0cd").await;
}

#[tokio::test]
async fn an_end_is_of_one_direction_only() {
    let mut ends = ends(None).await;
    ends.proxy.inject(Direction::ToClient, Fault::Finish { after: 3 });
    ends.server.write_all(b"cut short").await.unwrap();
    ends.client_reads(b"cut").await;
    assert_eq!(ends.client.read(&mut [0; 8]).await.unwrap(), 0);
    ends.the_server_still_hears().await;
}

#[tokio::test]
async fn a_reset_is_of_both_sides() {
    let mut ends = ends(Some(Fault::Reset { after: 3 })).await;
    ends.server.write_all(b"cut short").await.unwrap();
    ends.client_reads(b"cut").await;
    let error = ends.client.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let error = ends.server.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn it_can_lead_to_another_server() {
    let (first, other) = (ends(None).await, TcpListener::bind(("127.0.0.1", 0)).await.unwrap());
    first.proxy.set_target(other.local_addr().unwrap());
    let mut client = TcpStream::connect(first.proxy.addr()).await.unwrap();
    other.accept().await.unwrap().0.write_all(b"hello").await.unwrap();
    let mut came = String::new();
    client.read_to_string(&mut came).await.unwrap();
    assert_eq!(came, "hello");
}

#[tokio::test]
async fn dropping_it_ends_its_connections() {
    let mut ends = ends(None).await;
    drop(ends.proxy);
    assert_eq!(ends.client.read(&mut [0; 8]).await.unwrap(), 0);
    assert_eq!(ends.server.read(&mut [0; 8]).await.unwrap(), 0);
}
