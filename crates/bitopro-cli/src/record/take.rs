use std::time::Duration;

use bitopro_client::model::AccountBalance;
use bitopro_client::transport::Connector;
use bitopro_client::{ClientBuilder, Closed, Error, Item};
use tokio::time::timeout;

use super::secrets::Secrets;
use super::tap::{Tap, Traffic};
use crate::exit::{Failure, Status};

/// Number of consecutive failures that end a recording.
const ATTEMPTS: u32 = 3;

#[derive(Debug, Clone, Copy)]
pub(super) struct Goal {
    pub(super) updates: usize,
    pub(super) within: Duration,
}

/// Messages of the exchange, not scrubbed yet.
pub(super) struct Recording {
    snapshot: String,
    updates: Vec<String>,
    /// Number of messages that are not balances, which the scrubber cannot handle.
    left_out: usize,
    headers: Vec<String>,
    ended: EndReason,
}

/// The reason for the end of a recording.
#[derive(Debug)]
enum EndReason {
    Complete,
    Stopped,
    Time,
    Closed(Closed),
}

/// Follows the account's balances until there are enough updates, the time is over or `stop` resolves. `observe` gets
/// every item first.
pub(super) async fn take(
    builder: ClientBuilder,
    connector: impl Connector + 'static,
    goal: Goal,
    stop: impl Future<Output = ()>,
    mut observe: impl FnMut(&Item<AccountBalance>),
) -> Result<Recording, Failure> {
    let traffic = Traffic::default();
    let client = builder
        .with_connector(Tap::new(connector, traffic.clone()))
        .with_retry_limit(ATTEMPTS)
        .build()
        .map_err(|error| Failure::new(Status::Usage, error.to_string()))?;
    let mut balances = client.balances();
    let mut progress = Progress::default();
    let follow = async {
        while let Some(item) = balances.next().await {
            observe(&item);
            if let Some(ended) = progress.count(item, goal) {
                return ended;
            }
        }
        EndReason::Closed(Closed::Requested)
    };
    let ended = tokio::select! {
        ended = timeout(goal.within, follow) => ended.unwrap_or(EndReason::Time),
        () = stop => EndReason::Stopped,
    };
    balances.close().await;
    match traffic.snapshot().filter(|_| progress.has_snapshot) {
        Some(snapshot) => {
            let mut updates = traffic.updates();
            // Others have arrived since.
            updates.truncate(progress.updates);
            let (left_out, headers) = (traffic.left_out(), traffic.headers());
            Ok(Recording { snapshot, updates, left_out, headers, ended })
        }
        None => Err(nothing(ended, goal, progress.trouble)),
    }
}

/// The failure of a recording without a snapshot.
fn nothing(ended: EndReason, goal: Goal, trouble: Option<Error>) -> Failure {
    let cause = match ended {
        EndReason::Closed(Closed::Failed(error)) => Some(error),
        _ => trouble,
    };
    if let Some(error) = cause {
        return Failure::new(Status::of(&error), "nothing was recorded").with_source(error);
    }
    let seconds = goal.within.as_secs();
    Failure::new(Status::Network, format!("nothing was recorded: no snapshot arrived within {seconds} s"))
}

#[derive(Debug, Default)]
struct Progress {
    has_snapshot: bool,
    updates: usize,
    trouble: Option<Error>,
}

impl Progress {
    fn count(&mut self, item: Item<AccountBalance>, goal: Goal) -> Option<EndReason> {
        match item {
            Item::Snapshot(_) => self.has_snapshot = true,
            Item::Update(_) => self.updates += 1,
            Item::Disconnected(lost) => self.trouble = Some(lost.error),
            Item::Closed(closed) => return Some(EndReason::Closed(closed)),
            _ => {}
        }
        (self.has_snapshot && self.updates >= goal.updates).then_some(EndReason::Complete)
    }
}

impl Recording {
    /// The snapshot and then the updates.
    pub(super) fn messages(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.snapshot).chain(&self.updates).map(String::as_str)
    }

    pub(super) fn summary(&self, goal: Goal) -> String {
        let (updates, goal_updates) = (self.updates.len(), goal.updates);
        let why = match &self.ended {
            EndReason::Complete => String::new(),
            EndReason::Stopped => ", since it was stopped".to_owned(),
            EndReason::Time => format!(", since {} s are over", goal.within.as_secs()),
            EndReason::Closed(closed) => format!(", since the stream ended: {closed}"),
        };
        let left_out = match self.left_out {
            0 => String::new(),
            count => format!("; left out {count} messages that are not balances"),
        };
        format!("recorded a snapshot and {updates} of {goal_updates} updates{why}{left_out}")
    }

    /// The secrets of the signed requests and the events.
    pub(super) fn secrets(&self) -> Secrets {
        let headers = self.headers.iter().map(|value| ("a header of the signed request", value.clone()));
        let ids = self.messages().filter_map(|text| AccountBalance::from_json(text).ok()?.event_id);
        Secrets::new(headers.chain(ids.map(|id| ("an event's id", id))))
    }
}
