use std::time::Duration;

/// The interval of pings, and the deadline of the answering pongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keepalive {
    pub(crate) ping_period: Duration,
    pub(crate) pong_deadline: Duration,
}
