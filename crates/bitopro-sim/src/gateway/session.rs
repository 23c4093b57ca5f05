//! The exchange's side of an open connection.

use std::future::pending;
use std::time::Duration;

use bitopro_transport::{Connection, Frame};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::keepalive::Keepalive;
use crate::gateway::dispatcher::{Dispatcher, Subscription};
use crate::gateway::outbox::Inbox;

/// Deadline for a client to answer a close frame. An assumption.
pub(crate) const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// Reasons why a connection ends.
const DISCONNECTED: &str = "disconnected by a command";
const LOST: &str = "connection lost";
pub(crate) const NOT_READ: &str = "client does not read";
pub(crate) const STOPPED: &str = "simulator stopped";

/// Serves a connection until it ends. The client's frames are read and ignored; the connection itself answers
/// pings and close frames.
pub(crate) async fn serve(mut connection: impl Connection, mut subscription: Subscription) {
    let Subscription { dispatcher, socket, end, .. } = &mut subscription;
    *end = tokio::select! {
        biased;
        reason = &mut socket.disconnected => reason.unwrap_or(DISCONNECTED),
        reason = exchange_frames(&mut connection, &mut socket.inbox, dispatcher) => reason,
    };
}

/// Exchanges frames until the connection ends. Returns the reason.
async fn exchange_frames(
    connection: &mut impl Connection,
    inbox: &mut Inbox,
    dispatcher: &Dispatcher,
) -> &'static str {
    let Keepalive { ping_period, pong_deadline } = dispatcher.keepalive;
    let mut pings = interval_at(Instant::now() + ping_period, ping_period);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pong_due: Option<Instant> = None;
    loop {
        let frame = tokio::select! {
            // Received frames are handled before the pong's deadline, which they may clear.
            biased;
            _ = pings.tick() => {
                if dispatcher.are_pings_paused() {
                    continue;
                }
                pong_due.get_or_insert(Instant::now() + pong_deadline);
                // The exchange's pings have no payload (measured).
                Frame::Ping(Bytes::new())
            }
            received = connection.next() => match received {
                Some(Ok(Frame::Pong(_))) => {
                    pong_due = None;
                    continue;
                }
                Some(Ok(Frame::Close(_))) => return "closed by the client",
                Some(Err(_)) | None => return LOST,
                Some(Ok(_)) => continue,
            },
            () = deadline_elapsed(pong_due) => return "no pong",
            frame = inbox.next() => match frame {
                Some(frame) => frame,
                None => return DISCONNECTED,
            },
        };
        let is_close = matches!(frame, Frame::Close(_));
        // A client that has stopped reading would not answer pings either, so the same deadline applies.
        match timeout(pong_deadline, connection.send(frame)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return LOST,
            Err(_) => return NOT_READ,
        }
        if is_close {
            let _ =
                timeout(CLOSE_DEADLINE, async { while let Some(Ok(_)) = connection.next().await {} }).await;
            return if dispatcher.is_closing() { STOPPED } else { "closed by a command" };
        }
    }
}

async fn deadline_elapsed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
