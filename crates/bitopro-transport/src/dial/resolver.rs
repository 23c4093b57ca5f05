use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;

use tokio::sync::oneshot;

use super::tcp::Resolver;

/// A resolver that looks up each name on a separate thread.
///
/// A lookup takes long if no name server answers. hyper-util's resolver uses the runtime's blocking pool, for
/// which a runtime waits when it shuts down.
#[derive(Clone)]
pub(crate) struct ThreadResolver<L = fn(&str) -> io::Result<Vec<SocketAddr>>> {
    lookup: L,
}

impl ThreadResolver {
    /// Creates a resolver that looks up names as the system does.
    pub(crate) fn system() -> Self {
        Self { lookup: |name| Ok((name, 0).to_socket_addrs()?.collect()) }
    }
}

impl<L> Resolver for ThreadResolver<L>
where
    L: FnOnce(&str) -> io::Result<Vec<SocketAddr>> + Send + 'static,
{
    async fn resolve(self, name: &str) -> io::Result<Vec<SocketAddr>> {
        let name = name.to_owned();
        let (result, received) = oneshot::channel();
        // If the dial has ended, nothing receives the result.
        let work = move || drop(result.send((self.lookup)(&name)));
        thread::Builder::new().name("dns".to_owned()).spawn(work)?;
        received.await.map_err(|_| io::Error::other("the lookup panicked"))?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::runtime::Builder;

    use super::{Resolver as _, ThreadResolver, thread};

    #[test]
    fn fault_56_a_runtime_shuts_down_while_a_lookup_hangs() {
        let (answer, never) = mpsc::channel::<()>();
        let (started, mut has_started) = tokio::sync::mpsc::channel(1);
        let lookup = move |_: &str| {
            started.blocking_send(()).unwrap();
            let _ = never.recv();
            Ok(Vec::new())
        };
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let resolved = ThreadResolver { lookup }.resolve("stream.example");
            tokio::select! {
                _ = resolved => panic!("the lookup ended"),
                started = has_started.recv() => started.unwrap(),
            }
        });
        let (shut_down, ended) = mpsc::channel();
        thread::spawn(move || {
            drop(runtime);
            shut_down.send(()).unwrap();
        });
        ended.recv_timeout(Duration::from_secs(30)).expect("the runtime waits for the lookup");
        drop(answer);
    }

    #[tokio::test]
    async fn names_are_resolved_as_the_system_does() {
        let addresses = ThreadResolver::system().resolve("localhost").await.unwrap();
        assert!(addresses.iter().any(|address| address.ip().is_loopback()));
        let panicking = |_: &str| panic!("a test of panics");
        let error = ThreadResolver { lookup: panicking }.resolve("a").await.unwrap_err();
        assert_eq!(error.to_string(), "the lookup panicked");
    }
}
