use std::fmt;

use bitopro_client::model::{Balance, Message, Orders, Pair};
use bitopro_client::{Item, StreamState};

/// Maximum number of currencies that a text about an unknown one lists.
const MAX_LISTED: usize = 20;

/// The currencies and pairs to print, or none to print all.
#[derive(Debug, Default)]
pub(crate) struct Filter(Vec<String>);

/// Formats the codes with spaces in between.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl Filter {
    pub(crate) fn new(codes: Vec<String>) -> Self {
        Self(codes)
    }

    /// Removes data that does not match the filter from an item.
    ///
    /// Returns `None` for an update without matching data, but keeps such a snapshot, because its arrival is
    /// information too.
    pub(crate) fn apply(&self, item: Item<Message>) -> Option<Item<Message>> {
        Some(match item {
            Item::Snapshot(message) => Item::Snapshot(self.filter_message(message)?),
            Item::Update(message) => Item::Update(
                self.filter_message(message).filter(|message| self.0.is_empty() || !is_empty(message))?,
            ),
            Item::RecoveredTrade(recovered) if !self.matches_pair(&recovered.trade.pair()) => return None,
            Item::RecoveredOrder(order) if !self.matches_pair(&order.pair) => return None,
            other => other,
        })
    }

    /// Removes data that does not match the filter from a message. Returns `None` for a trade that does not
    /// match.
    fn filter_message(&self, message: Message) -> Option<Message> {
        if self.0.is_empty() {
            return Some(message);
        }
        Some(match message {
            Message::AccountBalance(mut event) => {
                let balances = std::mem::take(&mut event.data).into_iter();
                event.data =
                    balances.filter(|balance| self.matches_currency(balance.currency.as_str())).collect();
                Message::AccountBalance(event)
            }
            Message::ActiveOrders(mut event) => {
                event.data = self.filter_orders(&event.data);
                Message::ActiveOrders(event)
            }
            Message::HistoryOrders(mut event) => {
                event.data = self.filter_orders(&event.data);
                Message::HistoryOrders(event)
            }
            Message::UserTrade(event) if !self.matches_pair(&event.data.pair()) => return None,
            other if other.market_pair().is_some_and(|pair| !self.matches_pair(pair)) => return None,
            other => other,
        })
    }

    /// Removes data that does not match the filter from a stream's state.
    pub(crate) fn filter_state(&self, mut state: StreamState) -> StreamState {
        state.messages = state.messages.into_iter().filter_map(|event| self.filter_message(event)).collect();
        state
    }

    /// Returns a text about the codes that match nothing in the first message of a stream, if any.
    ///
    /// The snapshot of the balances lists every currency of the exchange, so another code is probably
    /// misspelt. The orders or the first trade only show that they do not match.
    pub(crate) fn unmatched(&self, first: &Message) -> Option<String> {
        if let Message::AccountBalance(event) = first {
            return self.unmatched_currency(event.data.iter());
        }
        if first.market_pair().is_some() {
            // Another pair of the stream may match.
            return None;
        }
        let codes = self.0.join("` or `");
        match self.filter_message(first.clone()) {
            None => Some(format!("the first trade does not match `{codes}`")),
            Some(filtered) if !is_empty(first) && is_empty(&filtered) => {
                Some(format!("no order of the snapshot matches `{codes}`"))
            }
            Some(_) => None,
        }
    }

    /// Returns a text about the first currency of the filter that is not among these balances, if any.
    pub(crate) fn unmatched_currency<'a>(
        &self,
        balances: impl IntoIterator<Item = &'a Balance>,
    ) -> Option<String> {
        let currencies: Vec<&str> = balances.into_iter().map(|balance| balance.currency.as_str()).collect();
        let is_listed = |code: &str| currencies.iter().any(|currency| currency.eq_ignore_ascii_case(code));
        let mut unknown = self.0.iter().flat_map(|code| code.split('_')).filter(|code| !is_listed(code));
        let code = unknown.next().filter(|_| !currencies.is_empty())?;
        let (some, rest) = currencies.split_at(currencies.len().min(MAX_LISTED));
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        Some(format!("no balance matches `{code}`; there are {}{more}", some.join(", ")))
    }

    /// Returns the first code of the filter that matches none of these pairs, if any.
    pub(crate) fn unmatched_code(&self, pairs: &[&Pair]) -> Option<&str> {
        self.0.iter().map(String::as_str).find(|code| !pairs.iter().any(|pair| is_pair_of(code, pair)))
    }

    fn filter_orders<K>(&self, orders: &Orders<K>) -> Orders<K> {
        let matching = orders.by_pair().filter(|(pair, _)| self.matches_pair(pair));
        matching.map(|(pair, orders)| (pair.clone(), orders.to_vec())).collect()
    }

    /// Returns whether a currency matches a code or is part of a pair in the filter.
    pub(crate) fn matches_currency(&self, currency: &str) -> bool {
        let matches = |code: &String| code.split('_').any(|part| part.eq_ignore_ascii_case(currency));
        self.0.is_empty() || self.0.iter().any(matches)
    }

    /// Returns whether a pair matches a code, or one of its currencies does.
    pub(crate) fn matches_pair(&self, pair: &Pair) -> bool {
        self.0.is_empty() || self.0.iter().any(|code| is_pair_of(code, pair))
    }
}

/// Returns whether a code is this pair or one of its currencies.
fn is_pair_of(code: &str, pair: &Pair) -> bool {
    *pair == *code || pair.as_str().split('_').any(|part| part.eq_ignore_ascii_case(code))
}

/// Returns whether a message contains neither balances nor pairs.
fn is_empty(message: &Message) -> bool {
    match message {
        Message::AccountBalance(event) => event.data.is_empty(),
        Message::ActiveOrders(event) => event.data.by_pair().next().is_none(),
        Message::HistoryOrders(event) => event.data.by_pair().next().is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Filter, Item, Message, is_empty};
    use crate::samples;

    /// Returns the filtered data of an update as JSON.
    fn filtered(codes: &[&str], message: &str) -> Option<serde_json::Value> {
        let filter = Filter::new(codes.iter().map(|&code| code.to_owned()).collect());
        let item = Item::Update(Message::from_json(message).unwrap());
        let Item::Update(message) = filter.apply(item)? else {
            panic!("the filter changed the kind of item")
        };
        Some(serde_json::to_value(message).unwrap()["data"].take())
    }

    fn keys(codes: &[&str], message: &str) -> Option<Vec<String>> {
        filtered(codes, message).map(|data| data.as_object().unwrap().keys().cloned().collect())
    }

    #[test]
    fn balances_match_a_currency_or_a_pair() {
        for (codes, expected) in [
            (&[][..], Some(vec!["BTC", "TWD"])),
            (&["btc"], Some(vec!["BTC"])),
            (&["twd", "BTC"], Some(vec!["BTC", "TWD"])),
            (&["BTC_twd"], Some(vec!["BTC", "TWD"])),
            (&["eth", "bt"], None),
        ] {
            let expected = expected.map(|codes| codes.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(keys(codes, samples::BALANCES), expected, "{codes:?}");
        }
    }

    #[test]
    fn orders_and_trades_match_their_pair_or_either_currency() {
        let history = samples::ORDERS.replace("ACTIVE_ORDERS", "RECENT_HISTORY_ORDERS");
        for (codes, orders, trade) in [
            (&[][..], Some(vec!["btc_twd", "eth_usdt"]), true),
            (&["BTC_TWD"], Some(vec!["btc_twd"]), false),
            (&["usdt"], Some(vec!["eth_usdt"]), true),
            (&["TWD"], Some(vec!["btc_twd"]), true),
            (&["usdt_twd"], None, true),
            (&["btc_twd", "eth"], Some(vec!["btc_twd", "eth_usdt"]), false),
            (&["sol"], None, false),
        ] {
            let orders = orders.map(|pairs| pairs.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(keys(codes, samples::ORDERS), orders, "{codes:?}");
            assert_eq!(keys(codes, &history), orders, "{codes:?}");
            assert_eq!(filtered(codes, samples::TRADE).is_some(), trade, "{codes:?}");
        }
    }

    #[test]
    fn codes_that_match_nothing_are_reported() {
        let unmatched = |codes: &[&str], message: &str| {
            let filter = Filter::new(codes.iter().map(|&code| code.to_owned()).collect());
            filter.unmatched(&Message::from_json(message).unwrap())
        };
        for (codes, expected) in [
            (&[][..], None),
            (&["btc", "twd_BTC"], None),
            (&["btc", "sol"], Some("no balance matches `sol`; there are BTC, TWD")),
            (&["btc_usdt"], Some("no balance matches `usdt`; there are BTC, TWD")),
        ] {
            assert_eq!(unmatched(codes, samples::BALANCES).as_deref(), expected, "{codes:?}");
        }
        let expected = "no order of the snapshot matches `sol` or `ada`";
        assert_eq!(unmatched(&["sol", "ada"], samples::ORDERS).as_deref(), Some(expected));
        assert_eq!(unmatched(&["sol", "usdt"], samples::ORDERS), None);
        let expected = "the first trade does not match `sol`";
        assert_eq!(unmatched(&["sol"], samples::TRADE).as_deref(), Some(expected));
        assert_eq!(unmatched(&["sol", "usdt"], samples::TRADE), None);
        let empty = r#"{"event":"ACTIVE_ORDERS","timestamp":1,"data":{}}"#;
        assert_eq!(unmatched(&["sol"], empty), None);
        let many = (0..25).map(|n| format!(r#""C{n}":{{"currency":"C{n}","amount":"1","available":"1"}}"#));
        let many = many.collect::<Vec<_>>().join(",");
        let many = format!(r#"{{"event":"ACCOUNT_BALANCE","timestamp":1,"data":{{{many}}}}}"#);
        let text = unmatched(&["sol"], &many).unwrap();
        assert!(text.ends_with(" and 5 more"), "{text}");
    }

    #[test]
    fn a_snapshot_without_matching_data_is_kept() {
        let filter = Filter::new(vec!["sol".to_owned()]);
        let item = Item::Snapshot(Message::from_json(samples::ORDERS).unwrap());
        let item = filter.apply(item).unwrap();
        assert!(matches!(item, Item::Snapshot(message) if is_empty(&message)));
    }
}
