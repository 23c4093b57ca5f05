//! Calls and dials together keep the limits of the exchange.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bitopro_client::rest::{CancelAllOrders, GetBalances, GetOpenOrders, GetTicker};
use bitopro_client::transport::{Connection, Connector, Error, ErrorKind, HttpClient, Request};
use bitopro_client::{Client, ClientBuilder, RequestLimiter};
use bitopro_sim::{SimConnector, Simulator};
use bytes::Bytes;
use http::Response;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::limits::most_in_any;
use super::signer;
use crate::simulated::simulated;

/// A network in which all dials fail and all calls are rejected. Records the times of both.
#[derive(Debug, Clone, Default)]
struct Rejecting(Arc<Mutex<Vec<Instant>>>);

impl Rejecting {
    fn record(&self) {
        self.0.lock().unwrap().push(Instant::now());
    }

    fn builder(&self) -> ClientBuilder {
        Client::builder(signer()).with_connector(self.clone()).with_http_client(self.clone())
    }
}

#[async_trait]
impl Connector for Rejecting {
    async fn connect(&self, _request: Request) -> Result<Box<dyn Connection>, Error> {
        self.record();
        Err(Error::new(ErrorKind::Connect, "refused on purpose"))
    }
}

#[async_trait]
impl HttpClient for Rejecting {
    async fn send(&self, _: http::Request<Bytes>, _: Duration) -> Result<Response<Bytes>, Error> {
        self.record();
        let mut response = Response::new(r#"{"error":"rejected"}"#.into());
        *response.status_mut() = http::StatusCode::UNPROCESSABLE_ENTITY;
        Ok(response)
    }
}

/// Makes this many calls from several tasks, while the streams of all clients try to connect. Returns the largest
/// number of dials and calls in a minute.
async fn most_in_a_minute(network: &Rejecting, clients: &[Client], calls: usize) -> usize {
    let streams: Vec<_> = clients.iter().map(Client::account).collect();
    let mut tasks = JoinSet::new();
    for client in clients.iter().cycle().take(calls) {
        let rest = client.rest().unwrap();
        tasks.spawn(async move { rest.call(&GetTicker::new("btc_twd")).await.map(drop) });
    }
    tasks.join_all().await;
    drop(streams);
    most_in_any(Duration::from_secs(60), &network.0.lock().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_large_dial_budget_and_the_calls_together_keep_the_limit() {
    let network = Rejecting::default();
    let backoff = Duration::from_millis(1);
    let client = network
        .builder()
        .with_dial_budget(300, Duration::from_secs(60))
        .with_backoff(backoff, backoff)
        .build()
        .unwrap();
    let most = most_in_a_minute(&network, &[client], 2_000).await;
    assert!((300..=600).contains(&most), "{most}");
}

#[tokio::test(start_paused = true)]
async fn the_dials_of_clients_that_share_a_limiter_and_their_calls_keep_the_limit() {
    let (network, limiter) = (Rejecting::default(), RequestLimiter::new());
    let backoff = Duration::from_millis(1);
    let client = || network.builder().with_backoff(backoff, backoff).with_request_limiter(&limiter);
    let clients: Vec<Client> = (0..6).map(|_| client().build().unwrap()).collect();
    let most = most_in_a_minute(&network, &clients, 2_000).await;
    assert!((500..=600).contains(&most), "{most}");
}

#[tokio::test(start_paused = true)]
async fn a_shared_limit_shrinks_while_another_client_with_a_large_dial_budget_exists() {
    let (network, limiter) = (Rejecting::default(), RequestLimiter::new());
    let client = || network.builder().with_request_limiter(&limiter);
    let small = client().build().unwrap();
    let rest = small.rest().unwrap();
    let minute = Duration::from_secs(60);
    // All permits are in use when the other client is built.
    for _ in 0..570 {
        rest.call(&GetTicker::new("btc_twd")).await.unwrap_err();
    }
    let large = client().with_dial_budget(200, minute).build().unwrap();
    assert_eq!(rest.limits()[0].available, 0);
    let start = Instant::now();
    for _ in 0..2 {
        rest.call(&GetTicker::new("btc_twd")).await.unwrap_err();
    }
    assert_eq!(start.elapsed(), minute);
    sleep(minute * 2).await;
    // 100 dials and one every 0.6 s, in a minute and the 10 s of a dial's deadline; and 18 of the first client.
    assert_eq!(rest.limits()[0].available, 600 - 216 - 18);
    drop(large);
    assert_eq!(rest.limits()[0].available, 570);
}

/// The simulator's REST API. Counts the responses with the status 429.
#[derive(Debug, Clone)]
struct Counting {
    simulator: SimConnector,
    refused: Arc<Mutex<usize>>,
}

#[async_trait]
impl HttpClient for Counting {
    async fn send(&self, request: http::Request<Bytes>, limit: Duration) -> Result<Response<Bytes>, Error> {
        let response = HttpClient::send(&self.simulator, request, limit).await?;
        *self.refused.lock().unwrap() += usize::from(response.status() == 429);
        Ok(response)
    }
}

#[tokio::test(start_paused = true)]
async fn thousands_of_calls_of_connected_clients_never_cause_a_429() {
    let (simulator, builder) = simulated(Simulator::builder(), 1);
    let counting = Counting { simulator: simulator.connector(), refused: Arc::default() };
    let limiter = RequestLimiter::new();
    let other = simulated_again(&simulator);
    let clients = [builder, other].map(|builder| {
        builder.with_http_client(counting.clone()).with_request_limiter(&limiter).build().unwrap()
    });
    let accounts: Vec<_> = clients.iter().map(Client::account).collect();
    for account in &accounts {
        account.ready().await.unwrap();
    }
    let mut tasks = JoinSet::new();
    for task in 0..6_usize {
        let rest = clients[task % 2].rest().unwrap();
        tasks.spawn(async move {
            for number in 0..500 {
                match (task + number) % 20 {
                    0 => rest.call(&CancelAllOrders::new()).await.map(drop).unwrap(),
                    1..4 => rest.call(&GetOpenOrders::new()).await.map(drop).unwrap(),
                    4..12 => rest.call(&GetBalances::new()).await.map(drop).unwrap(),
                    _ => rest.call(&GetTicker::new("btc_twd")).await.map(drop).unwrap(),
                }
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(*counting.refused.lock().unwrap(), 0);
    assert!(accounts.iter().all(|account| account.current().is_fresh()));
}

/// Returns the builder of a second client with the same key.
fn simulated_again(simulator: &Simulator) -> ClientBuilder {
    let now = simulator.now().to_system_time().unwrap();
    let start = Instant::now();
    let clock = bitopro_client::WallClock::new(move || now + start.elapsed());
    Client::builder(simulator.credentials().to_credentials().unwrap())
        .with_endpoint(simulator.ws_url())
        .with_connector(simulator.connector())
        .with_rest_endpoint(simulator.rest_url())
        .with_wall_clock(clock)
}
