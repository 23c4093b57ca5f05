//! Contract tests that every [`Connector`] must pass. Those for an [`HttpClient`](crate::HttpClient) are in
//! [`http_client`].
//!
//! To test a connector, write a [`Rig`] that pairs it with a server that the tests drive. Then
//! [`contract_tests!`](crate::contract_tests) generates one test for each case in [`cases`]. The macro needs
//! tokio with the features `macros`, `rt` and `test-util`. Implement the traits with the
//! [async-trait](mod@async_trait) crate. The tests never cancel a future of these traits.
//!
//! # Examples
//!
//! A connector for real sockets can use [`LoopbackServer`] as its server:
//!
//! ```
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use bitopro_transport::contract::{LoopbackServer, Rig, RigDial, cases};
//! use bitopro_transport::{Connector, TungsteniteConnector};
//! use http::Uri;
//!
//! struct SocketRig(LoopbackServer);
//!
//! #[async_trait]
//! impl Rig for SocketRig {
//!     fn connector(&self) -> Arc<dyn Connector> {
//!         Arc::new(TungsteniteConnector::new())
//!     }
//!
//!     fn url(&self) -> Uri {
//!         self.0.url()
//!     }
//!
//!     async fn next_dial(&mut self) -> Box<dyn RigDial> {
//!         self.0.next_dial().await
//!     }
//! }
//!
//! async fn rig() -> SocketRig {
//!     SocketRig(LoopbackServer::start().await.expect("a free port"))
//! }
//!
//! bitopro_transport::contract_tests!(rig);
//!
//! // A single case can also be called directly, for example in a debugger.
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! cases::frames_arrive_whole_and_in_order(&mut rig().await).await;
//! # }
//! ```

pub mod cases;
pub mod http_client;
mod loopback;

use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderMap;
use http::Uri;

use crate::{Connector, Frame, Refusal};

pub use loopback::LoopbackServer;

/// A connector under test, together with the server that it dials.
#[async_trait]
pub trait Rig: Send {
    /// Returns the connector under test.
    fn connector(&self) -> Arc<dyn Connector>;

    /// Returns the server's base URL. The tests append paths.
    fn url(&self) -> Uri;

    /// Waits for the next dial.
    async fn next_dial(&mut self) -> Box<dyn RigDial>;
}

/// A dial that waits for the server's response. Dropping it breaks the connection during the upgrade.
#[async_trait]
pub trait RigDial: Send {
    /// Returns the path of the request.
    fn path(&self) -> String;

    /// Returns the headers of the request.
    fn headers(&self) -> HeaderMap;

    /// Completes the upgrade and returns the server's end of the connection.
    async fn accept(self: Box<Self>) -> Box<dyn RigPeer>;

    /// Refuses the upgrade with this status, headers and body.
    async fn refuse(self: Box<Self>, refusal: Refusal);
}

/// The server's end of an open connection. Dropping it ends the connection without a close frame.
#[async_trait]
pub trait RigPeer: Send {
    /// Sends a frame. Does nothing if the client has dropped the connection.
    async fn send(&mut self, frame: Frame);

    /// Waits for the client's next frame. Returns `None` if the client has dropped the connection.
    async fn recv(&mut self) -> Option<Frame>;
}

/// Generates a `#[tokio::test]` for each case of the contract.
///
/// The argument is the path of an `async fn` without parameters that returns a [`Rig`](crate::contract::Rig).
/// The [`contract`](crate::contract) module has an example.
#[macro_export]
macro_rules! contract_tests {
    ($rig:path) => {
        $crate::contract_tests!($rig:
            the_request_arrives_unchanged,
            frames_arrive_whole_and_in_order,
            a_frame_right_after_the_upgrade_is_not_lost,
            a_burst_loses_nothing,
            sent_frames_arrive_unchanged,
            a_ping_is_answered_and_yielded,
            a_close_by_the_server_is_the_last_frame,
            a_close_by_the_client_arrives,
            an_end_without_a_close_frame_is_an_error,
            dropping_the_connection_ends_it,
            a_cancelled_read_loses_nothing,
            a_refusal_reports_status_headers_and_body,
            the_body_of_a_refusal_is_bounded,
            a_redirect_is_refused_and_not_followed,
            a_connection_that_breaks_during_the_upgrade_is_an_error,
        );

        #[tokio::test(start_paused = true)]
        async fn an_unanswered_dial_fails_at_its_deadline() {
            $crate::contract::cases::an_unanswered_dial_fails_at_its_deadline(&mut $rig().await).await;
        }
    };
    ($rig:path: $($case:ident,)*) => {$(
        #[tokio::test]
        async fn $case() {
            $crate::contract::cases::$case(&mut $rig().await).await;
        }
    )*};
}
