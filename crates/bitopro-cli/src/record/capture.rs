use std::time::Duration;

use bitopro_client::model::AccountBalance;
use bitopro_client::transport::Connector;
use bitopro_client::{ClientBuilder, Closed, Error, Item};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::connector::{CapturingConnector, Traffic};
use super::counted;
use super::secrets::Secrets;
use crate::exit::{Failure, Status};
use crate::signals::CLOSE_LIMIT;

/// Number of consecutive failures that end a recording.
const MAX_ATTEMPTS: u32 = 3;

#[derive(Debug, Clone, Copy)]
pub(super) struct RecordingLimits {
    pub(super) updates: usize,
    pub(super) duration: Duration,
}

/// Messages of the exchange, before scrubbing.
pub(super) struct Recording {
    snapshot: String,
    updates: Vec<String>,
    /// Number of messages other than balances, which the scrubber does not support.
    left_out: usize,
    headers: Vec<Zeroizing<String>>,
    end_reason: EndReason,
}

/// The reason for the end of a recording.
#[derive(Debug)]
enum EndReason {
    Complete,
    Stopped,
    TimeLimit,
    Closed(Closed),
}

/// Records the account's balances until a limit is reached or `stop` resolves. Passes every item to `observe`.
/// Returns `None` if it is stopped before a snapshot.
pub(super) async fn capture(
    builder: ClientBuilder,
    connector: impl Connector + 'static,
    limits: RecordingLimits,
    stop: impl Future<Output = ()>,
    mut observe: impl FnMut(&Item<AccountBalance>),
) -> Result<Option<Recording>, Failure> {
    let traffic = Traffic::default();
    let client = builder
        .with_connector(CapturingConnector::new(connector, traffic.clone()))
        .with_retry_limit(MAX_ATTEMPTS)
        .build()
        .map_err(|error| Failure::new(Status::Usage, error.to_string()))?;
    let mut balances = client.balances();
    let mut progress = Progress::default();
    let until_complete = async {
        while let Some(item) = balances.next().await {
            observe(&item);
            if let Some(end_reason) = progress.add(item, limits) {
                return end_reason;
            }
        }
        EndReason::Closed(Closed::Requested)
    };
    let end_reason = tokio::select! {
        result = timeout(limits.duration, until_complete) => result.unwrap_or(EndReason::TimeLimit),
        () = stop => EndReason::Stopped,
    };
    let _ = timeout(CLOSE_LIMIT, balances.close()).await;
    match (traffic.snapshot().filter(|_| progress.has_snapshot), &end_reason) {
        (Some(snapshot), _) => {
            let mut updates = traffic.updates();
            // More updates may have arrived during the close.
            updates.truncate(progress.updates);
            let (left_out, headers) = (traffic.left_out(), traffic.headers());
            Ok(Some(Recording { snapshot, updates, left_out, headers, end_reason }))
        }
        (None, EndReason::Stopped) => Ok(None),
        (None, _) => Err(without_snapshot(end_reason, limits, progress.last_error)),
    }
}

/// Returns the failure of a recording that ended without a snapshot.
fn without_snapshot(end_reason: EndReason, limits: RecordingLimits, last_error: Option<Error>) -> Failure {
    let cause = match end_reason {
        EndReason::Closed(Closed::Failed(error)) => Some(error),
        _ => last_error,
    };
    if let Some(error) = cause {
        return Failure::new(Status::of(&error), "no snapshot was recorded").with_source(error);
    }
    let seconds = limits.duration.as_secs();
    Failure::new(
        Status::Network,
        format!("no snapshot arrived before the recording ended; `--seconds` is {seconds}"),
    )
}

#[derive(Debug, Default)]
struct Progress {
    has_snapshot: bool,
    updates: usize,
    last_error: Option<Error>,
}

impl Progress {
    /// Counts an item, and returns the reason to end the recording after it, if any.
    fn add(&mut self, item: Item<AccountBalance>, limits: RecordingLimits) -> Option<EndReason> {
        match item {
            Item::Snapshot(_) => self.has_snapshot = true,
            Item::Update(_) => self.updates += 1,
            Item::Disconnected(disconnected) => self.last_error = Some(disconnected.error),
            Item::Closed(closed) => return Some(EndReason::Closed(closed)),
            _ => {}
        }
        (self.has_snapshot && self.updates >= limits.updates).then_some(EndReason::Complete)
    }
}

impl Recording {
    /// Returns the snapshot, followed by the updates.
    pub(super) fn messages(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.snapshot).chain(&self.updates).map(String::as_str)
    }

    pub(super) fn summary(&self, limits: RecordingLimits) -> String {
        let (updates, wanted) = (self.updates.len(), limits.updates);
        let reason = match &self.end_reason {
            EndReason::Complete => String::new(),
            EndReason::Stopped => " before it was stopped".to_owned(),
            EndReason::TimeLimit => format!(" within {} s", limits.duration.as_secs()),
            EndReason::Closed(closed) => format!(" before the stream ended: {closed}"),
        };
        let left_out = match self.left_out {
            0 => String::new(),
            count => format!("; left out {} other than balances", counted(count, "message", "messages")),
        };
        let updates = match self.end_reason {
            EndReason::Complete => counted(updates, "update", "updates"),
            _ => format!("{updates} of {}", counted(wanted, "update", "updates")),
        };
        format!("recorded a snapshot and {updates}{reason}{left_out}")
    }

    /// Returns the secrets in the signed requests and in the events.
    pub(super) fn secrets(&self) -> Secrets {
        let headers = self.headers.iter().map(|value| ("a header of the signed request", value.clone()));
        let ids = self.messages().filter_map(|text| AccountBalance::from_json(text).ok()?.event_id);
        Secrets::new(headers.chain(ids.map(|id| ("an event id", Zeroizing::new(id.to_string())))))
    }
}
