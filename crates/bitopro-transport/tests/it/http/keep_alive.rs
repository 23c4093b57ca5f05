use std::net;
use std::time::Duration;

use bitopro_transport::{ErrorKind, HyperClient};
use http::Method;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::time::Instant;

use super::{accept, head, listen, send, serve};

#[tokio::test]
async fn a_second_request_and_a_clone_reuse_the_connection() {
    let (listener, port) = listen().await;
    let client = HyperClient::new();
    let clone = client.clone();
    let requests = async {
        send(&client, Method::GET, port).await.unwrap();
        send(&client, Method::POST, port).await.unwrap();
        send(&clone, Method::GET, port).await.unwrap();
    };
    let server = async {
        let mut stream = accept(&listener).await;
        for method in [Method::GET, Method::POST, Method::GET] {
            serve(&mut stream, &method).await;
        }
    };
    tokio::join!(requests, server);
}

/// The server reads the request on the kept-alive connection and closes it, as if it had closed it at the same time.
#[tokio::test]
async fn an_idempotent_request_is_repeated_once_if_the_server_closes_a_kept_alive_connection() {
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let (listener, port) = listen().await;
        let client = HyperClient::new();
        let requests = async {
            send(&client, Method::GET, port).await.unwrap();
            assert_eq!(send(&client, method.clone(), port).await.unwrap().body().as_ref(), b"ok");
            // The new connection closes as well, so the request fails after two attempts.
            send(&client, Method::GET, port).await.unwrap();
            let error = send(&client, method.clone(), port).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
        };
        let server = async {
            for is_repeated_successfully in [true, false] {
                let mut kept_alive = accept(&listener).await;
                serve(&mut kept_alive, &Method::GET).await;
                assert!(head(&mut kept_alive).await.starts_with(method.as_str()));
                drop(kept_alive);
                let mut new = accept(&listener).await;
                if is_repeated_successfully {
                    serve(&mut new, &method).await;
                } else {
                    assert!(head(&mut new).await.starts_with(method.as_str()));
                }
            }
        };
        tokio::join!(requests, server);
    }
}

#[tokio::test]
async fn a_post_is_never_sent_twice() {
    let (listener, port) = listen().await;
    let client = HyperClient::new();
    let requests = async {
        send(&client, Method::GET, port).await.unwrap();
        let error = send(&client, Method::POST, port).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error:?}");
        send(&client, Method::GET, port).await.unwrap();
    };
    let server = async {
        let mut stream = accept(&listener).await;
        serve(&mut stream, &Method::GET).await;
        assert!(head(&mut stream).await.starts_with("POST"));
        drop(stream);
        // The next request is not the `POST` again.
        serve(&mut accept(&listener).await, &Method::GET).await;
    };
    tokio::join!(requests, server);
}

#[tokio::test]
async fn a_get_succeeds_after_the_server_has_closed_the_idle_connection() {
    let (listener, port) = listen().await;
    let client = HyperClient::new();
    for _ in 0..20 {
        let server = async {
            let mut stream = accept(&listener).await;
            serve(&mut stream, &Method::GET).await;
        };
        let (response, ()) = tokio::join!(send(&client, Method::GET, port), server);
        response.unwrap();
    }
}

/// Makes one request. Returns the server's end of the connection, which remains open.
async fn idle_connection(client: &HyperClient) -> TcpStream {
    let (listener, port) = listen().await;
    let server = async {
        let mut stream = accept(&listener).await;
        serve(&mut stream, &Method::GET).await;
        stream
    };
    let (response, stream) = tokio::join!(send(client, Method::GET, port), server);
    response.unwrap();
    stream
}

#[tokio::test]
async fn dropping_the_last_clone_closes_idle_connections() {
    let client = HyperClient::new();
    let mut stream = idle_connection(&client).await;
    drop(client);
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_timeout() {
    let client = HyperClient::new();
    let mut stream = idle_connection(&client).await;
    tokio::time::pause();
    let idle_since = Instant::now();
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    let seconds = idle_since.elapsed().as_secs();
    assert!((29..=61).contains(&seconds), "{seconds}");
    drop(client);
}

#[test]
fn a_client_outlives_the_runtime_that_opened_its_connections() {
    let listener = net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let client = HyperClient::new();
    for _ in 0..2 {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let exchange = async {
            let listener = TcpListener::from_std(listener.try_clone().unwrap()).unwrap();
            let server = async {
                let mut stream = accept(&listener).await;
                serve(&mut stream, &Method::GET).await;
            };
            tokio::join!(send(&client, Method::GET, port), server).0.unwrap();
        };
        runtime.block_on(exchange);
        // The idle connection must not delay the end of the runtime.
        runtime.shutdown_timeout(Duration::ZERO);
    }
}
