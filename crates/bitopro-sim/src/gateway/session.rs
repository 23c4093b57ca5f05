//! One open connection, seen from the exchange.

use std::future::pending;
use std::time::Duration;

use bitopro_transport::{Connection, Frame};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use super::keepalive::Keepalive;
use crate::gateway::dispatcher::{Dispatcher, Subscription};
use crate::gateway::outbox::Inbox;

/// The time that a client may take to answer a close. An assumption.
pub(crate) const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// Serves a connection until it ends, and drops it. What the client sends is read and ignored; pings and
/// closes are answered by the connection itself.
pub(crate) async fn serve(mut connection: impl Connection, mut subscription: Subscription) {
    let Subscription { dispatcher, socket } = &mut subscription;
    tokio::select! {
        biased;
        _ = &mut socket.disconnected => {}
        () = converse(&mut connection, &mut socket.inbox, dispatcher) => {}
    }
}

async fn converse(connection: &mut impl Connection, inbox: &mut Inbox, dispatcher: &Dispatcher) {
    let Keepalive { ping_period, pong_deadline } = dispatcher.keepalive;
    let mut pings = interval_at(Instant::now() + ping_period, ping_period);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pong_due: Option<Instant> = None;
    loop {
        let frame = tokio::select! {
            // What has arrived is looked at before the pong's deadline is.
            biased;
            _ = pings.tick() => {
                if dispatcher.are_pings_paused() {
                    continue;
                }
                pong_due.get_or_insert(Instant::now() + pong_deadline);
                // Measured: the exchange's pings have no payload.
                Frame::Ping(Bytes::new())
            }
            received = connection.next() => match received {
                Some(Ok(Frame::Pong(_))) => {
                    pong_due = None;
                    continue;
                }
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
            () = passed(pong_due) => return,
            frame = inbox.next() => match frame {
                Some(frame) => frame,
                None => return,
            },
        };
        let closing = matches!(frame, Frame::Close(_));
        // A client that takes nothing for that long does not answer pings either.
        let Ok(Ok(())) = timeout(pong_deadline, connection.send(frame)).await else { return };
        if closing {
            let _ =
                timeout(CLOSE_DEADLINE, async { while let Some(Ok(_)) = connection.next().await {} }).await;
            return;
        }
    }
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
