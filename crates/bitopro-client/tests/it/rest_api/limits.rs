use std::time::Duration;

use bitopro_client::RequestLimiter;
use bitopro_client::rest::{CancelAllOrders, GetOpenOrders, GetTicker};
use bitopro_client::transport::memory::MemoryHttpServer;
use fastrand::Rng;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{builder, client, respond};

/// Answers every request after a random latency. The exchange counts it at a random time in between. Returns the
/// times at which it counted the requests, and their paths.
async fn serve(mut server: MemoryHttpServer, seed: u64) -> Vec<(Instant, String)> {
    let (mut rng, mut tasks) = (Rng::with_seed(seed), JoinSet::new());
    while let Some(request) = server.next_request().await {
        let (before, after) = (rng.u64(..2_000), rng.u64(..2_000));
        tasks.spawn(async move {
            let path = request.request().uri().path().to_owned();
            sleep(Duration::from_millis(before)).await;
            let counted = Instant::now();
            sleep(Duration::from_millis(after)).await;
            respond(request, 422, r#"{"error":"rejected"}"#);
            (counted, path)
        });
    }
    let mut counted = tasks.join_all().await;
    counted.sort();
    counted
}

/// Returns the largest number of requests in any period of this length.
pub(super) fn most_in_any(period: Duration, times: &[Instant]) -> usize {
    let in_period = |(index, start): (usize, &Instant)| {
        times.iter().skip(index).take_while(|time| time.duration_since(*start) < period).count()
    };
    times.iter().enumerate().map(in_period).max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn the_limits_are_never_exceeded_whatever_the_latency() {
    for seed in 0..3 {
        let (client, server) = client();
        let served = tokio::spawn(serve(server, seed));
        let (mut calls, mut rng) = (JoinSet::new(), Rng::with_seed(seed));
        for _ in 0..1_500 {
            let rest = client.rest().unwrap();
            let kind = rng.u8(..30);
            calls.spawn(async move {
                match kind {
                    0 => rest.call(&CancelAllOrders::new()).await.map(drop),
                    1 => rest.call(&GetOpenOrders::new()).await.map(drop),
                    _ => rest.call(&GetTicker::new("btc_twd")).await.map(drop),
                }
            });
        }
        drop(client);
        assert!(calls.join_all().await.iter().all(Result::is_err));
        let counted = served.await.unwrap();
        let times = |path: &str| -> Vec<Instant> {
            counted.iter().filter(|(_, counted)| counted.starts_with(path)).map(|(time, _)| *time).collect()
        };
        assert_eq!(times("").len(), 1_500);
        let second = Duration::from_secs(1);
        assert!(most_in_any(second * 60, &times("")) <= 600, "seed {seed}");
        assert!(most_in_any(second, &times("/v3/orders/all")) <= 1, "seed {seed}");
        assert!(most_in_any(second, &times("/v3/orders/open")) <= 5, "seed {seed}");
        // They are used, too.
        assert!(most_in_any(second * 60, &times("")) > 500, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_with_the_same_limits_are_made_in_their_order() {
    let (client, mut server) = client();
    let mut calls = JoinSet::new();
    for number in 0..700 {
        let rest = client.rest().unwrap();
        calls.spawn(async move { rest.call(&GetTicker::new(format!("a{number}_twd"))).await.map(drop) });
        tokio::task::yield_now().await;
    }
    drop(client);
    let mut paths = Vec::new();
    while let Some(request) = server.next_request().await {
        paths.push(request.request().uri().path().to_owned());
        respond(request, 422, "{}");
    }
    let expected: Vec<_> = (0..700).map(|number| format!("/v3/tickers/a{number}_twd")).collect();
    assert_eq!(paths, expected);
}

#[tokio::test(start_paused = true)]
async fn a_slow_limit_does_not_hold_back_other_calls() {
    let (client, mut server) = client();
    let mut calls = JoinSet::new();
    for _ in 0..10 {
        let rest = client.rest().unwrap();
        calls.spawn(async move { rest.call(&CancelAllOrders::new()).await.map(drop) });
    }
    tokio::task::yield_now().await;
    let rest = client.rest().unwrap();
    let start = Instant::now();
    calls.spawn(async move { rest.call(&GetTicker::new("btc_twd")).await.map(drop) });
    while server.next_request().await.unwrap().request().uri().path() != "/v3/tickers/btc_twd" {}
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn clients_behind_one_address_share_its_limits() {
    let limiter = RequestLimiter::new();
    let (mut one, mut two) = (builder(), builder());
    let clients = [&mut one, &mut two].map(|(builder, _)| {
        let builder = std::mem::replace(builder, super::builder().0);
        builder.with_request_limiter(&limiter).build().unwrap()
    });
    let served = [tokio::spawn(serve(one.1, 1)), tokio::spawn(serve(two.1, 2))];
    let mut calls = JoinSet::new();
    for number in 0..800 {
        let rest = clients[number % 2].rest().unwrap();
        calls.spawn(async move { rest.call(&GetTicker::new("btc_twd")).await.map(drop) });
    }
    drop(clients);
    calls.join_all().await;
    let mut times = Vec::new();
    for served in served {
        times.extend(served.await.unwrap().into_iter().map(|(time, _)| time));
    }
    times.sort();
    assert_eq!(times.len(), 800);
    assert!(most_in_any(Duration::from_secs(60), &times) <= 600);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_still_counts_for_a_period() {
    let (client, mut server) = client();
    let rest = client.rest().unwrap();
    let available = || rest.limits()[0].available;
    let call = {
        let rest = rest.clone();
        tokio::spawn(async move { rest.call(&GetTicker::new("a_b")).await.map(drop) })
    };
    let request = server.next_request().await.unwrap();
    assert_eq!(available(), 569);
    call.abort();
    let _ = call.await;
    drop(request);
    sleep(Duration::from_secs(59)).await;
    assert_eq!(available(), 569);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(available(), 570);
}
