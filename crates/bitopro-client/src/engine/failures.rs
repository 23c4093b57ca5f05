//! The consequences of a failed dial, and of a connection that the server closes.

use std::time::Duration;

use bitopro_auth::Nonce;
use bitopro_model::Timestamp;
use bitopro_transport::{self as transport, CloseFrame};

use super::Action;
use super::connection::Phase;
use super::dialer::Streak;
use super::link::{Context, Link};
use super::patience::Cause;
use crate::error::{clock_refused, from_transport, nonce_ahead, refused};
use crate::item::Closed;
use crate::refusal::{classify, server_time};
use crate::refusal_text::{self, Secrets};
use crate::{Error, ErrorKind};

/// The close code with which a server refuses a connection that it has accepted: a policy violation.
const REFUSED_CODE: u16 = 1008;

/// Number of such closes in a row that are a refusal instead of a lost connection.
const REFUSED_AFTER_UPGRADE: u32 = 3;

impl Link {
    /// Handles a dial that failed.
    pub(super) fn handle_dial_failed(&mut self, cx: &mut Context<'_>, error: transport::Error) {
        if !matches!(self.phase, Phase::Dialing { .. }) {
            return;
        }
        let at = cx.clock().at(cx.now);
        let Some(refusal) = error.refusal() else {
            return self.dial_failed(cx, at, from_transport(error), false);
        };
        let kind = classify(refusal, cx.wall);
        if let ErrorKind::ClockSkew { .. } = kind {
            return self.clock_refused(cx, error);
        }
        let url = self.endpoints.url(self.stream());
        let answer = refusal_text::describe(refusal, &self.secrets(cx));
        let has_worked = self.has_worked(cx, Cause::Path);
        self.dial_failed(cx, at, refused(kind, url.path(), has_worked, answer.as_deref(), error), false);
    }

    /// Handles a refusal because of the clock, whose time the server may have reported.
    fn clock_refused(&mut self, cx: &mut Context<'_>, error: transport::Error) {
        let server_time = error.refusal().and_then(server_time);
        let at = cx.clock().at(cx.now);
        let nonce = cx.signer.last_nonce().map_or(0, Nonce::get);
        let advice = cx.dialer.refuse_clock(server_time, nonce, cx.now, cx.wall);
        let Some(lead) = advice.nonce_ahead else {
            return self.dial_failed(cx, at, clock_refused(advice.ahead_ms, error), advice.is_news);
        };
        let limit = cx.settings.clock_wait;
        let error = nonce_ahead(nonce, lead, limit, advice.ahead_ms, error);
        let streak = self.count_refusal(cx, Cause::Clock, at);
        if lead <= limit {
            return self.retry(cx, error, lead, Some(streak));
        }
        if self.has_worked(cx, Cause::Clock) && !Cause::Clock.is_final(streak, true, cx.now, cx.settings) {
            // Perhaps it is the gateway's clock that is wrong.
            let pause = cx.dialer.next_pause();
            return self.retry(cx, error, pause, Some(streak));
        }
        // All streams share the nonces.
        cx.dialer.end_waiting(&error);
        self.end(cx, Closed::Failed(error));
    }

    /// Handles a dial that failed with this error. `has_news` says that the next dial corrects what this one was refused
    /// for, so that it is made in any case.
    fn dial_failed(&mut self, cx: &mut Context<'_>, at: Timestamp, error: Error, has_news: bool) {
        let Some(cause) = Cause::of(error.kind()) else {
            if !error.kind().is_retryable() {
                return self.end(cx, Closed::Failed(error));
            }
            return self.dial_again(cx, error, None);
        };
        let streak = self.count_refusal(cx, cause, at);
        let has_worked = self.has_worked(cx, cause);
        if !has_news && cause.is_final(streak, has_worked, cx.now, cx.settings) {
            if cause == Cause::Key {
                cx.dialer.end_waiting(&error);
            }
            return self.end(cx, Closed::Failed(error));
        }
        match cause {
            // One stream at a time finds out for all of them whether the key is accepted again.
            Cause::Key | Cause::Permission if has_worked => {
                let pause = cx.dialer.next_pause();
                self.retry(cx, error, pause, Some(streak));
            }
            Cause::Key => self.retry_for_all(cx, error, Some(streak)),
            Cause::Path => {
                // The path has worked, so only this endpoint may be out of order.
                self.endpoints.move_on();
                self.retry(cx, error, Duration::ZERO, Some(streak));
            }
            _ => self.dial_again(cx, error, Some(streak)),
        }
    }

    /// Returns what the server has seen of this client, and must not be shown.
    fn secrets<'a>(&'a self, cx: &'a Context<'_>) -> Secrets<'a> {
        Secrets { credentials: cx.signer.credentials(), sent: self.sent.as_ref() }
    }

    /// Returns whether what was refused had been accepted by this client before.
    fn has_worked(&self, cx: &Context<'_>, cause: Cause) -> bool {
        match cause {
            Cause::Path | Cause::Permission => cx.dialer.has_worked(self.stream()),
            Cause::Key | Cause::Clock | Cause::Certificate | Cause::Setup => cx.dialer.key_has_worked(),
        }
    }

    fn count_refusal(&mut self, cx: &mut Context<'_>, cause: Cause, at: Timestamp) -> Streak {
        let accepted_at = cx.dialer.accepted_at();
        let is_auth = matches!(cause, Cause::Key | Cause::Permission);
        let has_worked = self.has_worked(cx, cause);
        let own = self.streaks.of(cause);
        let is_refuted =
            own.is_some_and(|streak| accepted_at.is_some_and(|accepted| streak.first <= accepted));
        if is_auth && has_worked && is_refuted {
            *own = None;
        }
        let own = Streak::extend(own, cx.now, at);
        if cause == Cause::Key {
            // What a key may do can differ by stream; whether it is accepted at all cannot.
            let shared = cx.dialer.refuse_key(cx.now, at);
            return if shared.count >= own.count { shared } else { own };
        }
        own
    }

    /// Dials again after a failure that says nothing about the request: at another endpoint, or after a pause.
    pub(super) fn dial_again(&mut self, cx: &mut Context<'_>, error: Error, streak: Option<Streak>) {
        if error.kind().is_network() && self.endpoints.move_on() {
            return self.wait(cx, error, Duration::ZERO, streak);
        }
        // While no stream is connected, what is unreachable for one is unreachable for all of them. They share the
        // length of the outage, and the budget is not spent on each of them finding out.
        let is_out = error.kind().is_network() || matches!(error.kind(), ErrorKind::Unavailable { .. });
        let outage = if is_out { cx.dialer.count_outage() } else { None };
        if let Some(before) = outage {
            self.backoff.catch_up(before);
            self.retry_for_all(cx, error, streak);
        } else {
            self.retry(cx, error, Duration::ZERO, streak);
        }
    }

    /// Handles a close frame. One that refuses the connection before any data is a refusal if it is repeated.
    pub(super) fn handle_server_close(&mut self, cx: &mut Context<'_>, close: Option<CloseFrame>) {
        self.record_stability(cx);
        let Phase::Open(open) = &self.phase else { return };
        let is_refusal = !open.has_data && close.as_ref().is_some_and(|close| close.code == REFUSED_CODE);
        self.actions.push_back(Action::Disconnect);
        if !is_refusal {
            self.refused_upgrades = None;
            return self.disconnect(cx, closed_by_server(close.as_ref(), &self.secrets(cx)), None);
        }
        let at = cx.clock().at(cx.now);
        let streak = Streak::extend(&mut self.refused_upgrades, cx.now, at);
        if streak.count < REFUSED_AFTER_UPGRADE {
            return self.disconnect(cx, closed_by_server(close.as_ref(), &self.secrets(cx)), None);
        }
        let reason = close.map(|close| reason_text(&close, &self.secrets(cx))).unwrap_or_default();
        let error = Error::new(
            ErrorKind::Refused,
            format!(
                "the server accepts the connection and then refuses it with close code {REFUSED_CODE}{reason}; check the \
                 API key and its permissions"
            ),
        );
        if Cause::Path.is_final(streak, self.has_served, cx.now, cx.settings) {
            return self.end(cx, Closed::Failed(error));
        }
        self.disconnect(cx, error, Some(streak));
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
