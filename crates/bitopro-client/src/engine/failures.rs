//! The handling of failed dials, and of connections that the server closes.

use std::time::Duration;

use bitopro_auth::{Nonce, Signer};
use bitopro_model::{Stream, Timestamp};
use bitopro_transport::{self as transport, CloseFrame};
use http::uri::PathAndQuery;

use super::Action;
use super::connection::Phase;
use super::dialer::RefusalStreak;
use super::link::{Context, Link};
use super::patience::Cause;
use crate::error::{clock_refused, dial_failed, nonce_ahead, refused};
use crate::item::Closed;
use crate::redaction::Secrets;
use crate::refusal::{classify, server_time};
use crate::refusal_text::Answer;
use crate::{Error, ErrorKind};

/// The close code (policy violation) with which a server refuses a connection after it has accepted it.
const REFUSED_CODE: u16 = 1008;

/// Number of consecutive closes with this code that count as a refusal instead of a lost connection.
const MIN_REFUSED_CLOSES: u32 = 3;

impl Link {
    /// Handles a dial that failed.
    pub(super) fn handle_dial_failed(&mut self, cx: &mut Context<'_>, error: transport::Error) {
        if !matches!(self.phase, Phase::Dialing { .. }) {
            return;
        }
        let at = cx.time();
        let Some(refusal) = error.refusal() else {
            return self.handle_failure(cx, at, dial_failed(error), false);
        };
        let kind = classify(refusal, cx.wall);
        let answer = Answer::new(refusal, &self.secrets(cx));
        if let ErrorKind::ClockSkew { .. } = kind {
            return self.handle_clock_refusal(cx, &answer, error);
        }
        let has_worked = self.has_worked(cx, Cause::Path);
        let url = self.endpoints.url(&self.path);
        // The pairs of a public stream may be in the query.
        let path = url.path_and_query().map_or("/", PathAndQuery::as_str);
        let error = refused(kind, self.stream(), path, has_worked, &answer, error);
        self.handle_failure(cx, at, error, false);
    }

    /// Handles a refusal because of the clock. The response may contain the time of the server.
    fn handle_clock_refusal(&mut self, cx: &mut Context<'_>, answer: &Answer, error: transport::Error) {
        let server_time = error.refusal().and_then(server_time);
        let at = cx.time();
        let nonce = cx.signer.and_then(Signer::last_nonce).map_or(0, Nonce::get);
        let report = cx.dialer.record_clock_refusal(server_time, nonce, cx.now, cx.wall);
        let Some(lead) = report.nonce_ahead else {
            let error = clock_refused(report.ahead_ms, answer, error);
            return self.handle_failure(cx, at, error, report.is_worth_retrying);
        };
        let limit = cx.settings.clock_wait;
        let error = nonce_ahead(nonce, lead, limit, report.ahead_ms, error);
        let streak = self.count_refusal(cx, Cause::Clock, at);
        if lead <= limit {
            return self.retry(cx, error, lead, Some(streak));
        }
        if self.has_worked(cx, Cause::Clock) && !Cause::Clock.is_final(streak, true, cx.now, cx.settings) {
            // The refusals may come from a gateway whose clock is wrong.
            let pause = cx.dialer.next_pause();
            return self.retry(cx, error, pause, Some(streak));
        }
        // All streams share the nonces.
        cx.dialer.refuse_waiting(&error);
        self.end(cx, Closed::Failed(error));
    }

    /// Handles a dial that failed with this error. If `must_retry`, the next dial corrects the reason for the
    /// refusal, so the refusal is not final.
    fn handle_failure(&mut self, cx: &mut Context<'_>, at: Timestamp, error: Error, must_retry: bool) {
        let Some(cause) = self.cause_of(error.kind()) else {
            if !error.kind().is_retryable() {
                return self.end(cx, Closed::Failed(error));
            }
            return self.redial(cx, error, None);
        };
        let streak = self.count_refusal(cx, cause, at);
        let has_worked = self.has_worked(cx, cause);
        if !must_retry && cause.is_final(streak, has_worked, cx.now, cx.settings) {
            if cause == Cause::Key {
                cx.dialer.refuse_waiting(&error);
            }
            return self.end(cx, Closed::Failed(error));
        }
        match cause {
            // All streams pause, so that only one at a time checks whether the key is accepted again.
            Cause::Key | Cause::Permission if has_worked => {
                let pause = cx.dialer.next_pause();
                self.retry(cx, error, pause, Some(streak));
            }
            Cause::Key => self.retry_with_shared_delay(cx, error, Some(streak)),
            Cause::Path => {
                // The path has worked before, so perhaps only the server at this base URL is faulty, or a gateway
                // answers because it does not reach the exchange.
                self.endpoints.advance();
                self.retry_unreachable(cx, error, Some(streak));
            }
            _ => self.redial(cx, error, Some(streak)),
        }
    }

    /// Returns the cause of a failure, if it is a refusal. A public stream sends no key, so its refusals do not concern
    /// the key of the private streams.
    fn cause_of(&self, kind: ErrorKind) -> Option<Cause> {
        match Cause::of(kind) {
            Some(Cause::Key) if matches!(self.stream(), Stream::Public(_)) => Some(Cause::Permission),
            cause => cause,
        }
    }

    /// Returns the secrets that the server has received and may echo, so that they can be redacted.
    fn secrets<'a>(&'a self, cx: &'a Context<'_>) -> Secrets<'a> {
        Secrets::of_dial(cx.signer.map(Signer::credentials), self.last_headers.as_ref())
    }

    /// Returns whether this client has been accepted before with the path, key or setup that caused the
    /// refusal.
    fn has_worked(&self, cx: &Context<'_>, cause: Cause) -> bool {
        match cause {
            Cause::Path | Cause::Permission => cx.dialer.path_has_worked(&self.path),
            Cause::Key | Cause::Clock => cx.dialer.key_has_worked(),
            Cause::Certificate | Cause::Setup => cx.dialer.has_connected(),
        }
    }

    fn count_refusal(&mut self, cx: &mut Context<'_>, cause: Cause, at: Timestamp) -> RefusalStreak {
        let accepted_at = cx.dialer.accepted_at();
        let is_auth = matches!(cause, Cause::Key | Cause::Permission);
        let has_worked = self.has_worked(cx, cause);
        let own = self.streaks.of(cause);
        let is_outdated =
            own.is_some_and(|streak| accepted_at.is_some_and(|accepted| streak.first_at <= accepted));
        if is_auth && has_worked && is_outdated {
            *own = None;
        }
        let own = RefusalStreak::record(own, cx.now, at);
        if cause == Cause::Key {
            // Permissions can differ by stream, but whether the key is accepted cannot.
            let shared = cx.dialer.record_key_refusal(cx.now, at);
            return if shared.count >= own.count { shared } else { own };
        }
        own
    }

    /// Dials again after a failure that is not about the request: at the next base URL, or after a delay.
    pub(super) fn redial(&mut self, cx: &mut Context<'_>, error: Error, streak: Option<RefusalStreak>) {
        if error.kind().is_network() && self.endpoints.advance() {
            return self.schedule_dial(cx, error, Duration::ZERO, streak);
        }
        if error.kind().is_network() || matches!(error.kind(), ErrorKind::Unavailable { .. }) {
            self.retry_unreachable(cx, error, streak);
        } else {
            self.retry(cx, error, Duration::ZERO, streak);
        }
    }

    /// Schedules the next dial after one that has not reached the exchange.
    ///
    /// While no stream is connected, an exchange that is unreachable for one stream is unreachable for all of them.
    /// They share the backoff of the outage, so that the budget is not spent once per stream.
    fn retry_unreachable(&mut self, cx: &mut Context<'_>, error: Error, streak: Option<RefusalStreak>) {
        if let Some(previous_dials) = cx.dialer.count_outage() {
            self.backoff.raise_bound(previous_dials);
            self.retry_with_shared_delay(cx, error, streak);
        } else {
            self.retry(cx, error, Duration::ZERO, streak);
        }
    }

    /// Handles a close frame. Repeated closes with `REFUSED_CODE` before any data count as a refusal.
    pub(super) fn handle_server_close(&mut self, cx: &mut Context<'_>, close: Option<CloseFrame>) {
        self.record_stability(cx);
        let Phase::Open(open) = &self.phase else { return };
        let is_refusal = !open.has_data && close.as_ref().is_some_and(|close| close.code == REFUSED_CODE);
        self.actions.push_back(Action::Disconnect);
        if !is_refusal {
            self.refusals_after_upgrade = None;
            return self.disconnect(cx, closed_by_server(close.as_ref(), &self.secrets(cx)), None);
        }
        let at = cx.time();
        let streak = RefusalStreak::record(&mut self.refusals_after_upgrade, cx.now, at);
        if streak.count < MIN_REFUSED_CLOSES {
            return self.disconnect(cx, closed_by_server(close.as_ref(), &self.secrets(cx)), None);
        }
        let reason = close.map(|close| reason_suffix(&close, &self.secrets(cx))).unwrap_or_default();
        let error = Error::new(
            ErrorKind::Refused,
            format!(
                "the server repeatedly accepted a connection and then closed it with code \
                 {REFUSED_CODE}{reason}; check the API key and its permissions"
            ),
        );
        if Cause::Path.is_final(streak, self.has_been_usable, cx.now, cx.settings) {
            return self.end(cx, Closed::Failed(error));
        }
        self.disconnect(cx, error, Some(streak));
    }
}

/// Maximum length of a quoted reason, in characters. A close frame has room for 123 bytes.
const MAX_REASON: usize = 200;

/// The close codes that no peer may send (RFC 6455, section 7.4.1). A connector may use them for a connection
/// that ended without a code.
const UNSENT_CODES: [u16; 3] = [1005, 1006, 1015];

fn reason_suffix(close: &CloseFrame, secrets: &Secrets<'_>) -> String {
    if close.reason.is_empty() {
        String::new()
    } else {
        format!(": {}", secrets.quote(&close.reason, MAX_REASON))
    }
}

fn closed_by_server(close: Option<&CloseFrame>, secrets: &Secrets<'_>) -> Error {
    let code = close.map(|close| close.code).filter(|code| !UNSENT_CODES.contains(code));
    let with = code.map(|code| format!(" with code {code}")).unwrap_or_default();
    let reason = close.map(|close| reason_suffix(close, secrets)).unwrap_or_default();
    let message = format!("the server closed the connection{with}{reason}");
    Error::new(ErrorKind::ClosedByServer { code }, message)
}
