use std::collections::BTreeMap;

use bitopro_client::model::{AccountBalance, Balance, Currency, Decimal, Timestamp, exact_sub};

use super::sheet::{Sheet, Style};
use super::{fitting, time_of_day};

/// Rows of balances: a snapshot shows what the account holds, an update what changed and by how much.
#[derive(Default)]
pub(in crate::watch) struct BalanceRows {
    known: BTreeMap<Currency, Balance>,
}

impl BalanceRows {
    /// All that the account holds, and by how much that changed since this was first asked.
    pub(in crate::watch) fn since(
        &mut self,
        event: &AccountBalance,
        body: Option<usize>,
        sheet: &mut Sheet<'_>,
    ) {
        if self.known.is_empty() {
            self.know(event);
        }
        print(event, body, |balance| change(self.known.get(&balance.currency)?, balance), sheet);
    }

    pub(super) fn snapshot(&mut self, event: &AccountBalance, sheet: &mut Sheet<'_>) {
        print(event, None, |balance| change(self.known.get(&balance.currency)?, balance), sheet);
        self.know(event);
    }

    fn know(&mut self, event: &AccountBalance) {
        self.known = event.data.iter().map(|balance| (balance.currency.clone(), balance.clone())).collect();
    }

    pub(super) fn update(&mut self, event: &AccountBalance, sheet: &mut Sheet<'_>) {
        for balance in &event.data {
            let known = self.known.insert(balance.currency.clone(), balance.clone());
            // Some servers name every currency each time.
            if known.as_ref() != Some(balance) {
                let change = known.and_then(|known| change(&known, balance));
                row(event.timestamp, balance, change, sheet);
            }
        }
    }
}

/// How many lines below its heading the table of all that an account holds takes.
pub(super) fn height(event: &AccountBalance) -> usize {
    let held = event.data.iter().filter(|balance| !is_empty(balance)).count();
    held + usize::from(held < event.data.len())
}

fn print(
    event: &AccountBalance,
    body: Option<usize>,
    change: impl Fn(&Balance) -> Option<Decimal>,
    sheet: &mut Sheet<'_>,
) {
    heading(sheet);
    let (held, empty): (Vec<_>, Vec<_>) = event.data.iter().partition(|balance| !is_empty(balance));
    // The note is one line, whatever it has to tell.
    let lines = height(event);
    let rows = fitting(lines, body).min(held.len());
    let (shown, more) = held.split_at(rows);
    for balance in shown {
        row(event.timestamp, balance, change(balance), sheet);
    }
    let codes = |balances: &[&Balance]| {
        let codes: Vec<&str> = balances.iter().map(|balance| balance.currency.as_str()).collect();
        codes.join(" ")
    };
    let more = (!more.is_empty()).then(|| format!("and {} more: {}", more.len(), codes(more)));
    let zero = (!empty.is_empty()).then(|| format!("zero: {}", codes(&empty)));
    let notes: Vec<String> = more.into_iter().chain(zero).collect();
    if !notes.is_empty() {
        sheet.note(Style::Dim, &notes.join("; "));
    }
}

fn heading(sheet: &mut Sheet<'_>) {
    let bold = Style::Bold;
    let line = sheet.heading().left(bold, 8, "CURRENCY").right(bold, 13, "AMOUNT");
    line.right(bold, 23, "AVAILABLE").right(bold, 23, "CHANGE").end();
}

fn row(timestamp: Timestamp, balance: &Balance, change: Option<Decimal>, sheet: &mut Sheet<'_>) {
    let mut remarks = Vec::new();
    if let Some(stake) = balance.stake.filter(|stake| !stake.is_zero()) {
        remarks.push(format!("{stake} staked"));
    }
    if balance.tradable == Some(false) {
        remarks.push("not tradable".to_owned());
    }
    sheet
        .row(&time_of_day(timestamp))
        .left(Style::Plain, 8, &balance.currency)
        .number(Style::Plain, balance.amount)
        .number(Style::Plain, balance.available)
        .change(change)
        .cell(Style::Dim, remarks.join(", "))
        .end();
}

fn is_empty(balance: &Balance) -> bool {
    balance.amount.is_zero() && balance.available.is_zero() && balance.stake.unwrap_or_default().is_zero()
}

/// Returns by how much the total changed, if that can be held exactly.
fn change(before: &Balance, after: &Balance) -> Option<Decimal> {
    exact_sub(after.amount, before.amount)
}
