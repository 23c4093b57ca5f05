//! Applies every mutation to every value of every fixture. The result must be an error that names the value's
//! path, or one of a few documented leniencies that lose no data.

use std::collections::BTreeSet;

use bitopro_model::{Message, PrivateStream, PublicStream, Stream};

use crate::fixtures::{self, Fixture, Parser};
use crate::json::{Json, Kind};
use crate::leniency::optional_fields;

/// A change to one value of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mutation {
    Remove,
    Duplicate,
    /// Converts the value to another kind.
    Convert(Kind),
}

use Mutation::{Convert, Duplicate, Remove};

/// The kind of a known value that has another spelling, which is read and rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// A text, which may also be an integer.
    Text,
    /// An integer, which may also be a text.
    Integer,
    /// A boolean, which may also be a text.
    Flag,
    /// A word, which is known in any case.
    Word,
}

/// Returns the class of a value by its name.
fn class(pattern: &str) -> Option<Class> {
    Some(match pattern.rsplit('.').next().unwrap_or_default() {
        "amount" | "available" | "stake" | "price" | "avgExecutionPrice" | "stopPrice" | "total" | "fee"
        | "bitoFee" | "volume" | "originalAmount" | "remainingAmount" | "executedAmount" | "id" | "seq"
        | "orderID" | "matchID" | "lastPrice" | "lastPriceUSD" | "lastPriceTWD" | "priceChange24hr"
        | "volume24hr" | "volume24hrUSD" | "volume24hrTWD" | "high24hr" | "low24hr" => Class::Text,
        "timestamp"
        | "updatedTimestamp"
        | "createdTimestamp"
        | "transactionTimestamp"
        | "eventTimestamp"
        | "status"
        | "clientID"
        | "clientId"
        | "limit"
        | "scale"
        | "count" => Class::Integer,
        "tradable" | "isMarket" | "isMaker" | "isBuyer" => Class::Flag,
        "type" | "orderType" => Class::Word,
        _ => return None,
    })
}

fn is_integer(token: &str) -> bool {
    token.parse::<i128>().is_ok_and(|number| number.to_string() == token)
}

/// Fields of the fixtures that the model does not know. Values of any type are kept.
const UNKNOWN: &[&str] = &[
    "sequence",
    "account",
    "data.*.locked",
    "data.*[].accountType",
    "data.*[].strategy",
    "data.*[].parentID",
    "data.*[].stopProfitPricePercentage",
    "data.*[].stopLossesPricePercentage",
    "data.clientID",
    "data.rebate",
    "bids[].orders",
    "bestBid",
    "data[].id",
    "data[].event",
    "data[].datetime",
    "data[].pair",
];

fn is_unknown(pattern: &str) -> bool {
    UNKNOWN.iter().any(|unknown| {
        pattern.strip_prefix(unknown).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    })
}

/// The position of a value in a message.
#[derive(Debug, Clone, Default)]
struct Position {
    /// Index of the child at each level, starting from the whole message.
    indices: Vec<usize>,
    /// The path in an error, such as `data.ADA.amount`.
    path: String,
    /// The path with placeholders for currencies, pairs and orders, such as `data.*.amount`.
    pattern: String,
    /// The path of the containing object or list.
    parent_path: String,
    /// The key of the value, if it is a member of an object.
    key: Option<String>,
}

impl Position {
    fn member(&self, at: usize, key: &str, stream: Stream) -> Self {
        let dot = if self.indices.is_empty() { "" } else { "." };
        let is_placeholder = self.pattern == "data" && stream != PrivateStream::UserTrades;
        let pattern = if is_placeholder { "*" } else { key };
        self.child(at, &format!("{dot}{key}"), &format!("{dot}{pattern}"), Some(key.to_owned()))
    }

    fn item(&self, at: usize) -> Self {
        self.child(at, &format!("[{at}]"), "[]", None)
    }

    /// Returns whether this is a list that the exchange may send as `null` or `{}` if it is empty.
    fn is_list(&self, stream: Stream) -> bool {
        match self.pattern.as_str() {
            "bids" | "asks" => true,
            "data" => stream == PublicStream::Trades,
            _ => false,
        }
    }

    /// Returns whether this is an optional field, of which only a duplicate is an error.
    fn is_optional(&self) -> bool {
        optional_fields().any(|field| field == self.pattern)
    }

    fn child(&self, at: usize, path: &str, pattern: &str, key: Option<String>) -> Self {
        Self {
            indices: [&self.indices[..], &[at]].concat(),
            path: format!("{}{path}", self.path),
            pattern: format!("{}{pattern}", self.pattern),
            parent_path: self.path.clone(),
            key,
        }
    }
}

/// Maximum number of currencies per message that are mutated. One fixture has 150, of which a sample is enough.
const MAX_CURRENCIES: usize = 20;

/// Collects `position`, which is that of `json`, and the positions of all values in it.
fn collect_positions(json: &Json, position: Position, stream: Stream, into: &mut Vec<Position>) {
    match json {
        Json::Leaf(_) => {}
        Json::List(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(at, item)| collect_positions(item, position.item(at), stream, into));
        }
        Json::Object(members) => {
            let is_limited = position.pattern == "data" && stream == PrivateStream::AccountBalance;
            let limit = if is_limited { MAX_CURRENCIES } else { usize::MAX };
            for (at, (key, value)) in members.iter().enumerate().take(limit) {
                collect_positions(value, position.member(at, key, stream), stream, into);
            }
        }
    }
    into.push(position);
}

fn value_at<'a>(json: &'a mut Json, indices: &[usize]) -> &'a mut Json {
    indices.iter().fold(json, |json, &at| match json {
        Json::List(items) => &mut items[at],
        Json::Object(members) => &mut members[at].1,
        Json::Leaf(_) => panic!("{json} has no children"),
    })
}

/// Returns the message with one mutation, or `None` if the mutation is not applicable.
fn mutated(message: &Json, position: &Position, mutation: Mutation) -> Option<Json> {
    let mut message = message.clone();
    if let Convert(kind) = mutation {
        let value = value_at(&mut message, &position.indices);
        (value.kind() != kind).then(|| *value = value.clone().into_kind(kind))?;
        return Some(message);
    }
    let (&last, indices) = position.indices.split_last()?;
    match (value_at(&mut message, indices), mutation) {
        (Json::Object(members), Remove) => drop(members.remove(last)),
        (Json::Object(members), _) => members.insert(last, members[last].clone()),
        (Json::List(items), Remove) => drop(items.remove(last)),
        _ => return None,
    }
    Some(message)
}

/// Returns the canonical form of a known event, in which `json` is the value at `position`.
fn normalised(json: Json, position: &Position, stream: Stream) -> Json {
    let pattern = position.pattern.as_str();
    if is_unknown(pattern) {
        return json;
    }
    match json {
        Json::Object(members) if members.is_empty() && position.is_list(stream) => Json::List(Vec::new()),
        Json::Object(members) => Json::Object(
            members
                .into_iter()
                .enumerate()
                .map(|(at, (key, value))| (position.member(at, &key, stream), key, value))
                .filter(|(position, _, value)| !(position.is_optional() && value.kind() == Kind::Null))
                .map(|(position, key, value)| {
                    let value = normalised(value, &position, stream);
                    let is_readable = match key.as_str() {
                        "clientId" => value.kind() == Kind::Number,
                        "eventId" => value.kind() == Kind::Text,
                        _ => false,
                    };
                    (if is_readable { canonical(&key) } else { key }, value)
                })
                .collect(),
        ),
        Json::List(items) => {
            let items = items.into_iter().enumerate();
            Json::List(items.map(|(at, item)| normalised(item, &position.item(at), stream)).collect())
        }
        Json::Leaf(token) if token == "null" && (pattern == "data.*" || position.is_list(stream)) => {
            Json::List(Vec::new())
        }
        Json::Leaf(token) => {
            let unquoted = token.trim_matches('"');
            match class(pattern) {
                Some(Class::Text) if is_integer(&token) => Json::Leaf(token).into_kind(Kind::Text),
                Some(Class::Integer) if is_integer(unquoted) => Json::Leaf(unquoted.to_owned()),
                Some(Class::Flag) if unquoted.parse::<bool>().is_ok() => Json::Leaf(unquoted.to_owned()),
                Some(Class::Word) if unquoted == "Market" => Json::Leaf(token.to_uppercase()),
                _ => Json::Leaf(token),
            }
        }
    }
}

/// Returns the name under which a field is written.
fn canonical(key: &str) -> String {
    if matches!(key, "clientId" | "eventId") { key.replace("Id", "ID") } else { key.to_owned() }
}

/// Returns whether a message can be read after the mutation of a known field.
fn is_accepted(position: &Position, mutation: Mutation, changed: &Json, stream: Stream) -> bool {
    if position.is_optional() {
        return mutation != Duplicate;
    }
    match (mutation, position.pattern.as_str()) {
        // The result is a valid message without this currency, pair, order, price level or trade.
        (Remove, "data.*" | "data.*[]" | "bids[]" | "asks[]" | "data[]") => true,
        (Convert(Kind::Null), _) if position.is_list(stream) => true,
        (Convert(Kind::Object), _) if position.is_list(stream) => {
            value_at(&mut changed.clone(), &position.indices).to_string() == "{}"
        }
        // The list of a pair.
        (Convert(Kind::Null), "data.*") => position.key.as_ref().is_some_and(|key| key.contains('_')),
        (Convert(kind), pattern) => match class(pattern) {
            Some(Class::Text) => {
                let mut changed = changed.clone();
                kind == Kind::Text || is_integer(&value_at(&mut changed, &position.indices).to_string())
            }
            Some(Class::Integer) => kind == Kind::Text,
            Some(Class::Flag | Class::Word) | None => false,
        },
        (Remove | Duplicate, _) => false,
    }
}

/// Returns the start of the error message for a mutation, without the details of the value.
fn expected_error(position: &Position, mutation: Mutation) -> String {
    let Position { path, parent_path, key, .. } = position;
    let prefix = if parent_path.is_empty() { String::new() } else { format!("{parent_path}: ") };
    let field = key.as_deref().map(canonical).unwrap_or_default();
    match mutation {
        Remove => format!("{prefix}missing field `{field}` ("),
        Duplicate if position.pattern == "data.*" => {
            let kind = if field.contains('_') { "pair" } else { "currency" };
            format!("{prefix}duplicate {kind} `{field}` (")
        }
        Duplicate => format!("{prefix}duplicate field `{field}` ("),
        Convert(_) if path.is_empty() => "invalid type: ".to_owned(),
        Convert(_) => format!("{path}: invalid type: "),
    }
}

/// Parses a text with several functions, whose results must agree. Returns the path and message of an error.
fn read(parser: &Parser, text: &str) -> Result<Message, (String, String)> {
    let describe = |error: bitopro_model::DecodeError| (error.path().to_owned(), error.to_string());
    let read = (parser.decode)(text).map_err(describe);
    let any = Message::from_json(text).map_err(describe);
    assert_eq!(any.as_ref().ok(), read.as_ref().ok(), "{text}");
    assert_eq!(any.as_ref().err().map(|(path, _)| path), read.as_ref().err().map(|(path, _)| path), "{text}");
    read
}

#[test]
fn fault_44_every_mutation_of_every_fixture_is_read_losslessly_or_named_in_an_error() {
    let (mut optional, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for Fixture { path: fixture, text, parser, .. } in fixtures::all() {
        let (message, stream) = (Json::parse(&text), parser.stream);
        let has_known_event = Message::from_json(&text).unwrap().stream().is_some();
        let mut positions = Vec::new();
        collect_positions(&message, Position::default(), stream, &mut positions);
        for position in positions {
            for mutation in [Remove, Duplicate].into_iter().chain(Kind::ALL.map(Convert)) {
                let Some(changed) = mutated(&message, &position, mutation) else { continue };
                let case = format!("{fixture}, {} {mutation:?}", position.path);
                let read = read(&parser, &changed.to_string());
                let is_envelope = matches!(position.pattern.as_str(), "" | "event");
                // Without its pair, an event of a public stream has no meaning by itself.
                let lacks_pair =
                    position.pattern == "pair" && matches!(mutation, Remove | Convert(Kind::Null));
                let is_known = has_known_event && !lacks_pair;
                match read {
                    Err((path, error)) => {
                        assert!(is_known || is_envelope, "{case}: {error}");
                        assert!(error.starts_with(&expected_error(&position, mutation)), "{case}: {error}");
                        let named = if matches!(mutation, Convert(_)) {
                            &position.path
                        } else {
                            &position.parent_path
                        };
                        assert_eq!(&path, named, "{case}: {error}");
                        assert!(
                            !is_unknown(&position.pattern)
                                && !is_accepted(&position, mutation, &changed, stream),
                            "{case}: {error}"
                        );
                    }
                    Ok(read) if !is_known => {
                        assert!(!is_envelope && matches!(read, Message::Unknown(_)), "{case}: {read:?}");
                        let written = Json::parse(&serde_json::to_string(&read).unwrap());
                        assert_eq!(written, changed, "{case}");
                    }
                    Ok(read) => {
                        let written = Json::parse(&serde_json::to_string(&read).unwrap()).sorted();
                        let expected = normalised(changed.clone(), &Position::default(), stream).sorted();
                        assert_eq!(written, expected, "{case}");
                        if is_unknown(&position.pattern) {
                            unknown.extend(UNKNOWN.iter().filter(|unknown| position.pattern == **unknown));
                        } else if position.is_optional() {
                            assert_ne!(mutation, Duplicate, "{case}");
                            optional.insert(position.pattern.clone());
                        } else {
                            assert!(is_accepted(&position, mutation, &changed, stream), "{case}: {written}");
                        }
                    }
                }
            }
        }
    }
    let expected: BTreeSet<_> = optional_fields().map(str::to_owned).collect();
    assert_eq!(optional, expected, "optional fields of the fixtures");
    assert_eq!(unknown, UNKNOWN.iter().collect(), "unknown fields of the fixtures");
}
