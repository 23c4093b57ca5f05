use super::*;

fn dial(url: &str) -> Result<Dial, Error> {
    Dial::new(&Request::new(url.parse().unwrap()))
}

#[tokio::test]
async fn a_dial_goes_where_the_url_says() {
    for (url, host, uri, encrypted) in [
        (
            "wss://stream.bitopro.com:9443/ws?a=b",
            "stream.bitopro.com",
            "http://stream.bitopro.com:9443/",
            true,
        ),
        ("wss://stream.bitopro.com/ws", "stream.bitopro.com", "http://stream.bitopro.com:443/", true),
        ("wss://[2001:db8::1]/ws", "[2001:db8::1]", "http://[2001:db8::1]:443/", true),
        ("ws://localhost/ws", "localhost", "http://localhost:80/", false),
        ("ws://127.0.0.2:8080/ws", "127.0.0.2", "http://127.0.0.2:8080/", false),
        ("ws://[::1]:8080/ws", "[::1]", "http://[::1]:8080/", false),
    ] {
        let dial = dial(url).unwrap();
        let seen = (dial.host.as_str(), dial.uri.to_string(), dial.encrypted);
        assert_eq!(seen, (host, uri.to_owned(), encrypted), "{url}");
    }
}

#[tokio::test]
async fn a_user_or_a_password_is_refused_and_not_shown() {
    for url in ["wss://user@localhost/", "wss://user:s3cret@localhost/", "wss://:s3cret@localhost/"] {
        let error = dial(url).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{url}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
}

/// An address whose connections hang: on Linux, a listener whose queue is full ignores further ones.
#[cfg(target_os = "linux")]
mod a_dead_address {
    use std::convert::Infallible;
    use std::future::{Ready, ready};
    use std::net::SocketAddr;
    use std::task::{Context, Poll};

    use hyper_util::client::legacy::connect::dns::Name;
    use tokio::net::{TcpListener, TcpSocket};
    use tokio::time::{Instant, timeout};

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    struct Dead {
        address: SocketAddr,
        _queued: (TcpListener, TcpStream),
    }

    impl Dead {
        async fn new() -> Self {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
            let listener = socket.listen(0).unwrap();
            let address = listener.local_addr().unwrap();
            // A queue for none holds one, which is never accepted.
            let queued = TcpStream::connect(address).await.unwrap();
            Self { address, _queued: (listener, queued) }
        }
    }

    /// A name that has these addresses. The port is that of the URL.
    #[derive(Clone)]
    struct Addresses(Vec<SocketAddr>);

    impl Service<Name> for Addresses {
        type Response = std::vec::IntoIter<SocketAddr>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Name) -> Self::Future {
            ready(Ok(self.0.clone().into_iter()))
        }
    }

    #[tokio::test]
    async fn leaves_time_for_the_next_one() {
        let dead = Dead::new().await;
        let alive = SocketAddr::from(([127, 0, 0, 2], dead.address.port()));
        let _listener = TcpListener::bind(alive).await.unwrap();
        tokio::time::pause();
        let uri = format!("http://two.test:{}", dead.address.port()).parse().unwrap();
        let began = Instant::now();
        let dialing = tcp(Addresses(vec![dead.address, alive]), uri, DEADLINE);
        let stream = timeout(2 * DEADLINE, dialing).await.expect("some address has its turn").unwrap();
        assert_eq!(stream.peer_addr().unwrap(), alive);
        assert!(began.elapsed() < DEADLINE, "{:?}", began.elapsed());
        assert!(stream.nodelay().unwrap());
    }

    #[tokio::test]
    async fn costs_no_more_than_the_deadline() {
        let dead = Dead::new().await;
        tokio::time::pause();
        let began = Instant::now();
        let request = Request::new(format!("ws://{}/ws", dead.address).parse().unwrap());
        let connector = TungsteniteConnector::new();
        let dialing = connector.connect(request.with_deadline(DEADLINE));
        let dialed = timeout(2 * DEADLINE, dialing).await.expect("the deadline is kept");
        let error = dialed.map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut, "{error:?}");
        assert_eq!(error.to_string(), "the dial's deadline passed while connecting to 127.0.0.1");
        assert_eq!(began.elapsed().as_secs(), DEADLINE.as_secs());
    }
}
