use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::vec::IntoIter;

use hyper_util::client::legacy::connect::dns::Name;
use tokio::sync::oneshot;
use tower_service::Service;

/// A resolver that looks up each name on a thread of its own.
///
/// A lookup takes long if no name server answers. hyper-util's resolver uses the runtime's blocking pool, for
/// which a runtime waits when it shuts down.
#[derive(Clone)]
pub(super) struct ThreadResolver<L = fn(&str) -> io::Result<Vec<SocketAddr>>> {
    lookup: L,
}

impl ThreadResolver {
    /// Creates a resolver that looks up names as the system does.
    pub(super) fn system() -> Self {
        Self { lookup: |name| Ok((name, 0).to_socket_addrs()?.collect()) }
    }
}

impl<L> Service<Name> for ThreadResolver<L>
where
    L: Fn(&str) -> io::Result<Vec<SocketAddr>> + Clone + Send + 'static,
{
    type Response = IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let lookup = self.lookup.clone();
        let (result, received) = oneshot::channel();
        // If the dial has ended, nothing receives the result.
        let work = move || drop(result.send(lookup(name.as_str())));
        let thread = thread::Builder::new().name("dns".to_owned()).spawn(work);
        Box::pin(async move {
            thread?;
            let addresses = received.await.map_err(|_| io::Error::other("the lookup panicked"))?;
            Ok(addresses?.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, mpsc};
    use std::time::Duration;

    use tokio::runtime::Builder;

    use super::{Service, ThreadResolver, thread};

    #[test]
    fn fault_56_a_runtime_shuts_down_while_a_lookup_hangs() {
        let (answer, never) = mpsc::channel::<()>();
        let never = Arc::new(Mutex::new(never));
        let (started, mut has_started) = tokio::sync::mpsc::channel(1);
        let lookup = move |_: &str| {
            started.blocking_send(()).unwrap();
            let _ = never.lock().unwrap().recv();
            Ok(Vec::new())
        };
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let resolved = ThreadResolver { lookup }.call("stream.example".parse().unwrap());
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
        let mut addresses = ThreadResolver::system().call("localhost".parse().unwrap()).await.unwrap();
        assert!(addresses.any(|address| address.ip().is_loopback()));
        let panicking = |_: &str| panic!("a test of panics");
        let error = ThreadResolver { lookup: panicking }.call("a".parse().unwrap()).await.unwrap_err();
        assert_eq!(error.to_string(), "the lookup panicked");
    }
}
