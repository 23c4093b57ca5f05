//! The consequences of a failed dial, and of a connection that the server closes.

use std::time::{Duration, Instant, SystemTime};

use bitopro_auth::Nonce;
use bitopro_model::Timestamp;
use bitopro_transport::{self as transport, CloseFrame};

use super::link::Phase;
use super::patience::Cause;
use super::{Action, Session};
use crate::answer::{self, Secrets};
use crate::dialer::Streak;
use crate::item::Closed;
use crate::{Error, ErrorKind, Followed, Verdict, classify};

/// The close code with which a server refuses a connection that it has accepted: a policy violation.
const REFUSED_CODE: u16 = 1008;

/// Number of such closes in a row that are a refusal instead of a lost connection.
const REFUSED_AFTER_UPGRADE: u32 = 3;

impl<D: Followed> Session<D> {
    /// Handles a dial that failed. `wall` is the machine's clock, which the server's is compared with.
    pub fn handle_dial_failed(&mut self, now: Instant, wall: SystemTime, error: transport::Error) {
        if !matches!(self.phase, Phase::Dialing { .. }) {
            return;
        }
        let at = self.dialer.read_clock(now, wall).at(now);
        let Some(verdict) = error.refusal().map(|refusal| classify(refusal, wall)) else {
            return self.dial_failed(now, at, error.into(), false);
        };
        if let Verdict::ClockSkew { server_time } = verdict {
            return self.clock_refused(now, wall, server_time, error);
        }
        let path = self.endpoints.url(D::STREAM).map(|url| url.path().to_owned()).unwrap_or_default();
        let answer = error.refusal().and_then(|refusal| answer::describe(refusal, &self.secrets()));
        let has_worked = self.has_worked(Cause::Path);
        self.dial_failed(now, at, Error::refused(verdict, &path, has_worked, answer, error), false);
    }

    /// Handles a refusal because of the clock, whose time the server may have reported.
    fn clock_refused(
        &mut self,
        now: Instant,
        wall: SystemTime,
        server_time: Option<SystemTime>,
        error: transport::Error,
    ) {
        let at = self.dialer.read_clock(now, wall).at(now);
        let nonce = self.signer.last_nonce().map_or(0, Nonce::get);
        let advice = self.dialer.refuse_clock(server_time, nonce, now, wall);
        let Some(lead) = advice.nonce_ahead else {
            return self.dial_failed(now, at, Error::clock(advice.ahead_ms, error), advice.is_news);
        };
        let limit = self.settings.clock_wait;
        let error = Error::nonce_ahead(nonce, lead, limit, advice.ahead_ms, error);
        let streak = self.count_refusal(Cause::Clock, now, at);
        if lead <= limit {
            return self.retry(now, error, lead, Some(streak));
        }
        if self.has_worked(Cause::Clock) && !Cause::Clock.is_final(streak, true, now, &self.settings) {
            // Perhaps it is the gateway's clock that is wrong.
            let pause = self.dialer.next_pause();
            return self.retry(now, error, pause, Some(streak));
        }
        // All streams share the nonces.
        self.dialer.end_waiting(&error);
        self.end(Closed::Failed(error));
    }

    /// Handles a dial that failed with this error. `has_news` says that the next dial corrects what this one was refused
    /// for, so that it is made in any case.
    fn dial_failed(&mut self, now: Instant, at: Timestamp, error: Error, has_news: bool) {
        let Some(cause) = Cause::of(error.kind()) else {
            if !error.is_retryable() {
                return self.end(Closed::Failed(error));
            }
            return self.dial_again(now, error, None);
        };
        let streak = self.count_refusal(cause, now, at);
        let has_worked = self.has_worked(cause);
        if !has_news && cause.is_final(streak, has_worked, now, &self.settings) {
            if cause == Cause::Key {
                self.dialer.end_waiting(&error);
            }
            return self.end(Closed::Failed(error));
        }
        match cause {
            // One stream at a time finds out for all of them whether the key is accepted again.
            Cause::Key | Cause::Permission if has_worked => {
                let pause = self.dialer.next_pause();
                self.retry(now, error, pause, Some(streak));
            }
            Cause::Key => self.retry_for_all(now, error, Some(streak)),
            Cause::Path => {
                // The path has worked, so only this endpoint may be out of order.
                self.endpoints.move_on();
                self.retry(now, error, Duration::ZERO, Some(streak));
            }
            _ => self.dial_again(now, error, Some(streak)),
        }
    }

    /// Returns what the server has seen of this client, and must not be shown.
    fn secrets(&self) -> Secrets<'_> {
        Secrets { credentials: self.signer.credentials(), sent: self.sent.as_ref() }
    }

    /// Returns whether what was refused had been accepted by this client before.
    fn has_worked(&self, cause: Cause) -> bool {
        match cause {
            Cause::Path | Cause::Permission => self.dialer.has_worked(D::STREAM),
            Cause::Key | Cause::Clock | Cause::Certificate | Cause::Setup => self.dialer.key_has_worked(),
        }
    }

    fn count_refusal(&mut self, cause: Cause, now: Instant, at: Timestamp) -> Streak {
        let accepted_at = self.dialer.accepted_at();
        let is_auth = matches!(cause, Cause::Key | Cause::Permission);
        let has_worked = self.has_worked(cause);
        let own = self.streaks.of(cause);
        let is_refuted =
            own.is_some_and(|streak| accepted_at.is_some_and(|accepted| streak.first <= accepted));
        if is_auth && has_worked && is_refuted {
            *own = None;
        }
        let own = Streak::extend(own, now, at);
        if cause == Cause::Key {
            // What a key may do can differ by stream; whether it is accepted at all cannot.
            let shared = self.dialer.refuse_key(now, at);
            return if shared.count >= own.count { shared } else { own };
        }
        own
    }

    /// Dials again after a failure that says nothing about the request: at another endpoint, or after a pause.
    pub(super) fn dial_again(&mut self, now: Instant, error: Error, streak: Option<Streak>) {
        if error.is_network() && self.endpoints.move_on() {
            return self.wait(now, error, Duration::ZERO, streak);
        }
        // While no stream is connected, what is unreachable for one is unreachable for all of them. They share the
        // length of the outage, and the budget is not spent on each of them finding out.
        let is_out = error.is_network() || matches!(error.kind(), ErrorKind::Unavailable { .. });
        let outage = if is_out { self.dialer.count_outage() } else { None };
        if let Some(before) = outage {
            self.backoff.catch_up(before);
            self.retry_for_all(now, error, streak);
        } else {
            self.retry(now, error, Duration::ZERO, streak);
        }
    }

    /// Handles a close frame. One that refuses the connection before any data is a refusal if it is repeated.
    pub(super) fn handle_server_close(&mut self, now: Instant, wall: SystemTime, close: Option<CloseFrame>) {
        self.credit(now);
        let Phase::Open(open) = &self.phase else { return };
        let is_refusal = !open.has_data && close.as_ref().is_some_and(|close| close.code == REFUSED_CODE);
        self.actions.push_back(Action::HangUp);
        if !is_refusal {
            self.refused_upgrades = None;
            return self.lose(now, closed_by_server(close.as_ref(), &self.secrets()), None);
        }
        let at = self.dialer.read_clock(now, wall).at(now);
        let streak = Streak::extend(&mut self.refused_upgrades, now, at);
        if streak.count < REFUSED_AFTER_UPGRADE {
            return self.lose(now, closed_by_server(close.as_ref(), &self.secrets()), None);
        }
        let reason = close.map(|close| reason_text(&close, &self.secrets())).unwrap_or_default();
        let error = Error::new(
            ErrorKind::Refused,
            format!(
                "the server accepts the connection and then refuses it with close code {REFUSED_CODE}{reason}; check the \
                 API key and its permissions"
            ),
        );
        if Cause::Path.is_final(streak, self.has_served, now, &self.settings) {
            return self.end(Closed::Failed(error));
        }
        self.lose(now, error, Some(streak));
    }
}

fn reason_text(close: &CloseFrame, secrets: &Secrets<'_>) -> String {
    if close.reason.is_empty() { String::new() } else { format!(": {}", secrets.quote(&close.reason)) }
}

fn closed_by_server(close: Option<&CloseFrame>, secrets: &Secrets<'_>) -> Error {
    let code = close.map(|close| close.code);
    let with = code.map(|code| format!(" with code {code}")).unwrap_or_default();
    let reason = close.map(|close| reason_text(close, secrets)).unwrap_or_default();
    let message = format!("the exchange closed the connection{with}{reason}");
    Error::new(ErrorKind::ClosedByServer { code }, message)
}
