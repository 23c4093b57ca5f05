//! Contract tests that every [`HttpClient`] must pass.
//!
//! To test a client, write an [`HttpRig`] that pairs it with a server that the tests drive. Then
//! [`http_contract_tests!`](crate::http_contract_tests) generates one test for each case in [`cases`]. The macro needs
//! tokio with the features `macros`, `rt` and `test-util`. Implement the traits with the
//! [async-trait](mod@async_trait) crate. The tests never cancel a future of these traits.
//!
//! # Examples
//!
//! A client for real sockets can use [`LoopbackHttpServer`] as its server:
//!
//! ```
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use bitopro_transport::contract::http_client::{HttpRig, HttpRigRequest, LoopbackHttpServer};
//! use bitopro_transport::{HttpClient, HttpLimits, HyperClient};
//! use http::Uri;
//!
//! struct SocketRig(LoopbackHttpServer);
//!
//! #[async_trait]
//! impl HttpRig for SocketRig {
//!     fn client(&self, limits: HttpLimits) -> Arc<dyn HttpClient> {
//!         Arc::new(HyperClient::new().with_limits(limits))
//!     }
//!
//!     fn url(&self) -> Uri {
//!         self.0.url()
//!     }
//!
//!     async fn next_request(&mut self) -> Box<dyn HttpRigRequest> {
//!         self.0.next_request().await
//!     }
//! }
//!
//! async fn rig() -> SocketRig {
//!     SocketRig(LoopbackHttpServer::start().await.expect("a free port"))
//! }
//!
//! bitopro_transport::http_contract_tests!(rig);
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # bitopro_transport::contract::http_client::cases::every_status_is_a_response(&mut rig().await).await;
//! # }
//! ```

pub mod cases;
mod loopback;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};

use crate::{HttpClient, HttpLimits};

pub use loopback::LoopbackHttpServer;

/// An HTTP client under test, together with the server that receives its requests.
#[async_trait]
pub trait HttpRig: Send {
    /// Returns a new client under test with these limits.
    fn client(&self, limits: HttpLimits) -> Arc<dyn HttpClient>;

    /// Returns the server's base URL. The tests append paths and queries.
    fn url(&self) -> Uri;

    /// Waits for the next request.
    async fn next_request(&mut self) -> Box<dyn HttpRigRequest>;
}

/// A request that waits for the server's response. Dropping it breaks the connection before the response.
#[async_trait]
pub trait HttpRigRequest: Send {
    /// Returns the received request. Its URL needs to have only a path and a query.
    fn request(&self) -> &Request<Bytes>;

    /// Sends the response.
    fn respond(self: Box<Self>, response: Response<Bytes>);

    /// Waits until the client has cancelled the request.
    async fn cancelled(&mut self);
}

/// Generates a `#[tokio::test]` for each case of the contract of an HTTP client.
///
/// The argument is the path of an `async fn` without parameters that returns an
/// [`HttpRig`](crate::contract::http_client::HttpRig). The [`http_client`](crate::contract::http_client) module has an
/// example.
#[macro_export]
macro_rules! http_contract_tests {
    ($rig:path) => {
        $crate::http_contract_tests!($rig:
            a_request_arrives_unchanged,
            a_response_arrives_unchanged,
            every_status_is_a_response,
            an_empty_body_is_empty,
            a_body_at_the_limit_is_complete,
            a_body_beyond_the_limit_is_an_error_that_names_the_option,
            a_redirect_is_a_response_and_not_followed,
            a_connection_that_breaks_before_the_response_is_an_error,
            concurrent_requests_get_their_own_responses,
            a_dropped_request_is_cancelled,
            reserved_headers_and_methods_are_rejected,
        );

        #[tokio::test(start_paused = true)]
        async fn an_unanswered_request_fails_at_its_deadline() {
            $crate::contract::http_client::cases::an_unanswered_request_fails_at_its_deadline(
                &mut $rig().await,
            )
            .await;
        }
    };
    ($rig:path: $($case:ident,)*) => {$(
        #[tokio::test]
        async fn $case() {
            $crate::contract::http_client::cases::$case(&mut $rig().await).await;
        }
    )*};
}
