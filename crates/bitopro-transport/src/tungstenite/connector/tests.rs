use super::{Error, ErrorKind, Request, Target};

fn dial(url: &str) -> Result<Target, Error> {
    Target::new(&Request::new(url.parse().unwrap()))
}

#[tokio::test]
async fn a_dial_goes_where_the_url_says() {
    for (url, host, place, encrypted) in [
        ("wss://stream.bitopro.com:9443/ws?a=b", "stream.bitopro.com", "stream.bitopro.com:9443", true),
        ("wss://stream.bitopro.com/ws", "stream.bitopro.com", "stream.bitopro.com:443", true),
        ("wss://[2001:db8::1]/ws", "[2001:db8::1]", "[2001:db8::1]:443", true),
        ("ws://localhost/ws", "localhost", "localhost:80", false),
        ("ws://127.0.0.2:8080/ws", "127.0.0.2", "127.0.0.2:8080", false),
        ("ws://[::1]:8080/ws", "[::1]", "[::1]:8080", false),
    ] {
        let dial = dial(url).unwrap();
        let seen = (dial.host.as_str(), dial.place.to_string(), dial.encrypted);
        assert_eq!(seen, (host, place.to_owned(), encrypted), "{url}");
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

/// Names that do not resolve, or to addresses of which some are dead.
mod names {
    use std::collections::VecDeque;
    use std::future::{Ready, ready};
    use std::io;
    use std::net::SocketAddr;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll};
    use std::time::Duration;

    use hyper_util::client::legacy::connect::dns::Name;
    use tokio::net::{TcpListener, TcpSocket, TcpStream};
    use tokio::time::{Instant, timeout};
    use tower_service::Service;

    use super::super::{Resolver as _, TungsteniteConnector};
    use super::{ErrorKind, Request};
    use crate::Connector as _;

    const DEADLINE: Duration = Duration::from_secs(10);

    /// An address whose connections hang: on Linux, a listener whose queue is full ignores further ones.
    struct Dead {
        address: SocketAddr,
        _queued: (TcpListener, TcpStream),
    }

    impl Dead {
        async fn new(socket: TcpSocket, ip: &str) -> io::Result<Self> {
            socket.bind(SocketAddr::new(ip.parse().unwrap(), 0))?;
            let listener = socket.listen(0)?;
            let address = listener.local_addr()?;
            // A queue for none holds one, which is never accepted.
            let queued = TcpStream::connect(address).await?;
            Ok(Self { address, _queued: (listener, queued) })
        }

        async fn v4() -> Self {
            Self::new(TcpSocket::new_v4().unwrap(), "127.0.0.1").await.unwrap()
        }
    }

    /// What each look-up of a name gives, in turn. The port is that of the URL.
    #[derive(Clone)]
    struct Answers(Arc<Mutex<VecDeque<io::Result<Vec<SocketAddr>>>>>);

    impl Answers {
        fn new(answers: impl IntoIterator<Item = io::Result<Vec<SocketAddr>>>) -> Self {
            Self(Arc::new(Mutex::new(answers.into_iter().collect())))
        }
    }

    impl Service<Name> for Answers {
        type Response = std::vec::IntoIter<SocketAddr>;
        type Error = io::Error;
        type Future = Ready<io::Result<Self::Response>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Name) -> Self::Future {
            let answer = self.0.lock().unwrap().pop_front().expect("no more look-ups than answers");
            ready(answer.map(Vec::into_iter))
        }
    }

    fn unknown() -> io::Result<Vec<SocketAddr>> {
        Err(io::Error::other("no such name"))
    }

    #[tokio::test]
    async fn fault_37_a_name_that_does_not_resolve_is_a_network_error_and_is_looked_up_again() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let place = format!("name.test:{}", address.port()).parse().unwrap();
        let answers = Answers::new([unknown(), Ok(vec![]), Ok(vec![address])]);
        for _ in 0..2 {
            let error = answers.clone().connect(&place, DEADLINE).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
            assert!(error.kind().is_network());
            assert_eq!(error.to_string(), format!("no connection to {place}"));
        }
        let stream = answers.connect(&place, DEADLINE).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn fault_37_a_dead_address_leaves_time_for_the_next_one() {
        let dead = Dead::v4().await;
        let alive = SocketAddr::from(([127, 0, 0, 2], dead.address.port()));
        let _listener = TcpListener::bind(alive).await.unwrap();
        tokio::time::pause();
        let place = format!("two.test:{}", dead.address.port()).parse().unwrap();
        let began = Instant::now();
        let answers = Answers::new([Ok(vec![dead.address, alive])]);
        let dialing = answers.connect(&place, DEADLINE);
        let stream = timeout(2 * DEADLINE, dialing).await.expect("some address has its turn").unwrap();
        assert_eq!(stream.peer_addr().unwrap(), alive);
        assert!(began.elapsed() < DEADLINE, "{:?}", began.elapsed());
        assert!(stream.nodelay().unwrap());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn fault_37_a_dead_address_of_ipv6_costs_less_than_a_second() {
        // Without IPv6 on this machine the address is dead at once, which is no worse.
        let dead = match TcpSocket::new_v6() {
            Ok(socket) => Dead::new(socket, "::1").await.ok(),
            Err(_) => None,
        };
        let port = dead.as_ref().map_or(0, |dead| dead.address.port());
        let listener = TcpListener::bind(("127.0.0.3", port)).await.unwrap();
        let alive = listener.local_addr().unwrap();
        tokio::time::pause();
        let place = format!("two.test:{}", alive.port()).parse().unwrap();
        let began = Instant::now();
        let six = SocketAddr::new("::1".parse().unwrap(), alive.port());
        let answers = Answers::new([Ok(vec![six, alive])]);
        let stream = timeout(2 * DEADLINE, answers.connect(&place, DEADLINE)).await;
        let stream = stream.expect("the other family has its turn").unwrap();
        assert_eq!(stream.peer_addr().unwrap(), alive);
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn fault_37_every_dial_looks_the_name_up_again() {
        let before = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = before.local_addr().unwrap().port();
        let after = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
        let answers = Answers::new([&before, &after].map(|to| Ok(vec![to.local_addr().unwrap()])));
        let connector = TungsteniteConnector::new();
        let request = Request::new(format!("ws://localhost:{port}/ws").parse().unwrap());
        for listener in [&before, &after] {
            let dialing = connector.dial(answers.clone(), &request);
            // Dropped as soon as it is accepted: where the dial went is all that matters.
            let both = async { tokio::join!(dialing, async { listener.accept().await.map(|_| ()) }) };
            let (dialed, accepted) = timeout(DEADLINE, Box::pin(both)).await.expect("it is dialled");
            assert_eq!(dialed.map(|_| ()).unwrap_err().kind(), ErrorKind::Disconnected);
            accepted.unwrap();
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn fault_37_a_dead_address_costs_no_more_than_the_deadline() {
        let dead = Dead::v4().await;
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
