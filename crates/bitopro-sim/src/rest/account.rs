//! Balances, trades and transfers of an account.

use bitopro_model::{OrderId, Timestamp};
use bitopro_transport::Refusal;
use serde_json::{Value, json};

use crate::rest::call::Call;
use crate::rest::parameters::Parameters;
use crate::rest::{Reply, json};
use crate::{Account, Cursors, TradeListOrder, TradeQuery};

/// The longest time that a list reaches back (documented).
const DAYS_90_MS: i64 = 90 * 24 * 60 * 60 * 1_000;

impl Call<'_> {
    /// Returns the account as REST shows it, which may lag behind the streams.
    pub(crate) fn shown_account(&self) -> &Account {
        self.exchange.account_in_rest(self.account, self.now)
    }

    /// Returns the start and the end of a list: the last 90 days, or the part of them that the call selects.
    pub(crate) fn window(&self) -> Result<(Timestamp, Timestamp), Refusal> {
        let end = self.parameters.millis("endTimestamp")?.unwrap_or(self.now);
        let earliest = days_90_before(end.min(self.now));
        let start = self.parameters.millis("startTimestamp")?;
        Ok((start.map_or(earliest, |start| start.max(earliest)), end))
    }

    /// Returns the parameter that selects the first record of a page.
    pub(crate) fn cursor(&self, name: &str) -> Option<&str> {
        self.parameters.text(name).filter(|_| self.quirks.cursors == Cursors::Inclusive)
    }
}

/// Returns the start of the 90 days before a time.
pub(super) fn days_90_before(end: Timestamp) -> Timestamp {
    Timestamp::from_millis(end.as_millis().saturating_sub(DAYS_90_MS))
}

/// Returns the limit of a list. Zero selects the default: an assumption.
pub(crate) fn limit(parameters: &Parameters) -> Result<usize, Refusal> {
    let limit = parameters.number("limit", 0..=1_000)?;
    Ok(limit.filter(|limit| *limit > 0).unwrap_or(100))
}

pub(super) fn balances(call: &Call<'_>) -> Value {
    json::list(call.shown_account().balances().values().map(|balance| {
        json!({
            "currency": balance.currency.as_str().to_ascii_lowercase(),
            "amount": balance.amount.to_string(),
            "available": balance.available.to_string(),
            "stake": balance.stake.unwrap_or_default().to_string(),
            "tradable": balance.tradable.unwrap_or(true),
        })
    }))
}

pub(super) fn trades(call: &Call<'_>) -> Reply {
    let (start, end) = call.window()?;
    let query = TradeQuery {
        pair: Some(call.pair()?.pair.clone()),
        order: call.parameters.text("orderId").map(OrderId::new),
        start: Some(start),
        end: Some(end),
        cursor: call.cursor("tradeId").map(str::to_owned),
        limit: Some(limit(&call.parameters)?),
    };
    let mut records = call.shown_account().trade_records(&query);
    if call.quirks.trade_list_order == TradeListOrder::OldestFirst {
        records.reverse();
    }
    Ok(json::list(records.into_iter().map(json::trade)))
}

/// Lists deposits or withdrawals: the positive or the negative amounts of the `deposit` command.
pub(super) fn transfers(call: &Call<'_>, deposits: bool) -> Reply {
    let (start, end) = call.window()?;
    let currency = call.parameters.argument(0);
    let limit = call.parameters.number("limit", 1..=100)?.unwrap_or(20);
    let cursor = call.parameters.number("id", 0..=u64::MAX)?.unwrap_or(u64::MAX);
    let transfers = call.shown_account().transfers().rev().filter(|transfer| {
        transfer.amount.is_sign_positive() == deposits
            && transfer.currency.as_str().eq_ignore_ascii_case(currency)
            && (start..=end).contains(&transfer.time)
            && transfer.number <= cursor
    });
    let statuses = call.parameters.text("statuses");
    let is_selected = statuses.is_none_or(|all| all.split(',').any(|status| status == "COMPLETE"));
    Ok(json::list(transfers.filter(|_| is_selected).take(limit).map(json::transfer)))
}
