use std::time::Duration;

/// When pings are sent, and how long a pong may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keepalive {
    pub(crate) ping_period: Duration,
    pub(crate) pong_deadline: Duration,
}
