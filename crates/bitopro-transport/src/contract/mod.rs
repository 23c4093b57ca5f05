//! What every [`Connector`] must do, as tests that run on yours too.
//!
//! Write a [`Rig`] that pairs your connector with a server's end that the tests drive, then let
//! [`contract_tests!`](crate::contract_tests) make one test of each promise:
//!
//! ```text
//! async fn rig() -> MyRig { … }
//! bitopro_transport::contract_tests!(rig);
//! ```
//!
//! The promises themselves are the functions of [`cases`]. To implement the traits, here and in the crate, use the crate
//! [async-trait](mod@async_trait).
//!
//! For a connector that dials real sockets, [`LoopbackServer`] is the other half of the rig, ready made.
//! The macro needs tokio with its `macros`, `rt` and `test-util` features.

pub mod cases;
mod loopback;

use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderMap;
use http::Uri;

use crate::{Connector, Frame, Refusal};

pub use loopback::LoopbackServer;

/// A connector under test, with the server that it dials.
#[async_trait]
pub trait Rig: Send {
    /// The connector under test.
    fn connector(&self) -> Arc<dyn Connector>;

    /// The server's base URL. The tests append paths.
    fn url(&self) -> Uri;

    /// The next dial that reaches the server.
    async fn next_dial(&mut self) -> Box<dyn RigDial>;
}

/// A dial at the server, not answered yet. Dropping it breaks the connection during the upgrade.
#[async_trait]
pub trait RigDial: Send {
    /// The path that was asked for.
    fn path(&self) -> String;

    /// The headers of the request.
    fn headers(&self) -> HeaderMap;

    /// Completes the upgrade.
    async fn accept(self: Box<Self>) -> Box<dyn RigPeer>;

    /// Refuses the upgrade.
    async fn refuse(self: Box<Self>, refusal: Refusal);
}

/// The server's end of an open connection. Dropping it ends the connection without a close frame.
#[async_trait]
pub trait RigPeer: Send {
    /// Sends a frame.
    async fn send(&mut self, frame: Frame);

    /// The next frame of the client, or `None` once it is gone.
    async fn recv(&mut self) -> Option<Frame>;
}

/// Makes a `#[tokio::test]` of each promise of the contract, for the rig that an `async fn` gives.
#[macro_export]
macro_rules! contract_tests {
    ($rig:path) => {
        $crate::contract_tests!($rig:
            the_request_arrives_as_it_was_made,
            frames_arrive_whole_and_in_order,
            a_frame_right_behind_the_upgrade_is_not_lost,
            a_burst_loses_nothing,
            frames_are_sent_as_they_are,
            a_ping_is_answered_and_seen,
            a_close_by_the_server_is_the_last_frame,
            a_close_by_the_client_arrives,
            an_end_without_a_close_is_an_error,
            dropping_the_connection_ends_it,
            a_wait_that_is_cut_short_loses_nothing,
            a_refusal_gives_status_headers_and_body,
            the_body_of_a_refusal_is_bounded,
            a_redirect_is_refused_and_not_followed,
            a_connection_that_breaks_in_the_upgrade_is_an_error,
        );

        #[tokio::test(start_paused = true)]
        async fn a_dial_that_is_not_answered_ends_at_its_deadline() {
            $crate::contract::cases::a_dial_that_is_not_answered_ends_at_its_deadline(&mut $rig().await).await;
        }
    };
    ($rig:path: $($case:ident,)*) => {$(
        #[tokio::test]
        async fn $case() {
            $crate::contract::cases::$case(&mut $rig().await).await;
        }
    )*};
}
