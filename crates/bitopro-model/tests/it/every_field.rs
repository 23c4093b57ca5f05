//! Every place of every fixture made wrong in every way: what comes of it is an error that names the place, or one of
//! few leniencies by which nothing is lost.

use std::collections::BTreeSet;

use bitopro_model::{Message, PrivateStream};

use crate::fixtures::{self, Fixture, Stream};
use crate::json::{Json, Kind};

/// What is done to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Gone,
    Twice,
    As(Kind),
}

use Wrong::{As, Gone};

const ID: &[Wrong] = &[As(Kind::Number), As(Kind::Text)];

/// All that is read although it is not as documented, beside [`OPTIONAL`]. `*` is any currency or pair, `[]` any order of
/// a list.
const LENIENT: &[(&str, &[Wrong])] = &[
    ("data.*[].id", ID),
    ("data.orderID", ID),
    // Another message, without this currency, pair or order.
    ("data.*", &[Gone]),
    ("data.*[]", &[Gone]),
];

/// The optional fields: nothing but a second one of the same name is an error there.
pub(crate) const OPTIONAL: &[&str] = &[
    "eventID",
    "datetime",
    "data.*.stake",
    "data.*.tradable",
    "data.*[].avgExecutionPrice",
    "data.*[].timestamp",
    "data.*[].updatedTimestamp",
    "data.*[].createdTimestamp",
    "data.*[].fee",
    "data.*[].feeSymbol",
    "data.*[].bitoFee",
    "data.*[].total",
    "data.*[].seq",
    "data.*[].timeInForce",
    "data.*[].stopPrice",
    "data.*[].condition",
    "data.*[].clientID",
    "data.*[].clientId",
    "data.eventTimestamp",
    "data.orderType",
    "data.matchID",
    "data.isMarket",
    "data.isMaker",
];

/// The fields of fixtures that the model does not know. It keeps them, whatever they hold.
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
];

fn is_unknown(place: &str) -> bool {
    UNKNOWN.iter().any(|unknown| {
        place.strip_prefix(unknown).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    })
}

/// A place in a message.
#[derive(Debug, Clone, Default)]
struct Place {
    /// Which child of which child, from the whole message on.
    way: Vec<usize>,
    /// As an error names it, `data.ADA.amount`.
    path: String,
    /// The same for every currency, pair and order, `data.*.amount`.
    general: String,
    /// The path of what it stands in.
    parent: String,
    /// Its own key, if it has one.
    key: Option<String>,
}

impl Place {
    fn member(&self, at: usize, key: &str, stream: PrivateStream) -> Self {
        let dot = if self.way.is_empty() { "" } else { "." };
        let is_name = self.general == "data" && stream != PrivateStream::UserTrades;
        let general = if is_name { "*" } else { key };
        self.child(at, &format!("{dot}{key}"), &format!("{dot}{general}"), Some(key.to_owned()))
    }

    fn item(&self, at: usize) -> Self {
        self.child(at, &format!("[{at}]"), "[]", None)
    }

    fn is_optional(&self) -> bool {
        OPTIONAL.contains(&self.general.as_str())
    }

    fn child(&self, at: usize, path: &str, general: &str, key: Option<String>) -> Self {
        Self {
            way: [&self.way[..], &[at]].concat(),
            path: format!("{}{path}", self.path),
            general: format!("{}{general}", self.general),
            parent: self.path.clone(),
            key,
        }
    }
}

/// How many currencies of a message have their places made wrong: in one of 150 they stand for the others.
const CURRENCIES: usize = 20;

/// Every place in `json`, which is at `place`, and that place itself.
fn places(json: &Json, place: Place, stream: PrivateStream, into: &mut Vec<Place>) {
    match json {
        Json::Leaf(_) => {}
        Json::List(items) => {
            items.iter().enumerate().for_each(|(at, item)| places(item, place.item(at), stream, into));
        }
        Json::Object(members) => {
            let is_many = place.general == "data" && stream == PrivateStream::AccountBalance;
            let most = if is_many { CURRENCIES } else { usize::MAX };
            for (at, (key, value)) in members.iter().enumerate().take(most) {
                places(value, place.member(at, key, stream), stream, into);
            }
        }
    }
    into.push(place);
}

fn at<'a>(json: &'a mut Json, way: &[usize]) -> &'a mut Json {
    way.iter().fold(json, |json, &at| match json {
        Json::List(items) => &mut items[at],
        Json::Object(members) => &mut members[at].1,
        Json::Leaf(_) => panic!("nothing is in {json}"),
    })
}

/// The message with one place wrong, or `None` where there is no such thing.
fn made_wrong(message: &Json, place: &Place, wrong: Wrong) -> Option<Json> {
    let mut message = message.clone();
    if let As(kind) = wrong {
        let there = at(&mut message, &place.way);
        (there.kind() != kind).then(|| *there = there.clone().into_kind(kind))?;
        return Some(message);
    }
    let (&last, way) = place.way.split_last()?;
    match (at(&mut message, way), wrong) {
        (Json::Object(members), Gone) => drop(members.remove(last)),
        (Json::Object(members), _) => members.insert(last, members[last].clone()),
        (Json::List(items), Gone) => drop(items.remove(last)),
        _ => return None,
    }
    Some(message)
}

/// How a known event is written that is read: `place` and below as the page of this crate says, all else as it came.
fn normalised(json: Json, place: &Place, stream: PrivateStream) -> Json {
    let general = place.general.as_str();
    if is_unknown(general) {
        return json;
    }
    match json {
        Json::Object(members) => Json::Object(
            members
                .into_iter()
                .enumerate()
                .map(|(at, (key, value))| (place.member(at, &key, stream), key, value))
                .filter(|(place, _, value)| !(place.is_optional() && value.kind() == Kind::Null))
                .map(|(place, key, value)| {
                    let value = normalised(value, &place, stream);
                    let is_client_id = key == "clientId" && value.kind() == Kind::Number;
                    (if is_client_id { "clientID".to_owned() } else { key }, value)
                })
                .collect(),
        ),
        Json::List(items) => {
            let items = items.into_iter().enumerate();
            Json::List(items.map(|(at, item)| normalised(item, &place.item(at), stream)).collect())
        }
        Json::Leaf(token) => {
            let unquoted = token.trim_matches('"');
            match general {
                "data.*[].id" | "data.orderID" => Json::Leaf(token).into_kind(Kind::Text),
                "data.*[].clientID" | "data.*[].clientId" if unquoted.parse::<u64>().is_ok() => {
                    Json::Leaf(unquoted.to_owned())
                }
                "data.*.tradable" | "data.isMarket" | "data.isMaker" if unquoted.parse::<bool>().is_ok() => {
                    Json::Leaf(unquoted.to_owned())
                }
                "data.*[].type" | "data.orderType" if unquoted == "Market" => {
                    Json::Leaf(r#""MARKET""#.to_owned())
                }
                _ => Json::Leaf(token),
            }
        }
    }
}

fn may(place: &Place, wrong: Wrong) -> bool {
    if place.is_optional() {
        return wrong != Wrong::Twice;
    }
    LENIENT.iter().any(|(lenient, wrongs)| *lenient == place.general && wrongs.contains(&wrong))
}

/// What is said of a place that is wrong, up to the details of its value.
fn fault(place: &Place, wrong: Wrong) -> String {
    let Place { path, parent, key, .. } = place;
    let within = if parent.is_empty() { String::new() } else { format!("{parent}: ") };
    let field =
        key.as_deref().map(|key| if key == "clientId" { "clientID" } else { key }).unwrap_or_default();
    match wrong {
        Gone => format!("{within}missing field `{field}` ("),
        Wrong::Twice if place.general == "data.*" => {
            let kind = if field.contains('_') { "pair" } else { "currency" };
            format!("{within}duplicate {kind} `{field}` (")
        }
        Wrong::Twice => format!("{within}duplicate field `{field}` ("),
        As(_) if path.is_empty() => "invalid type: ".to_owned(),
        As(_) => format!("{path}: invalid type: "),
    }
}

/// Reads a text in every way there is, all of which must agree.
fn read(stream: &Stream, text: &str) -> Result<Message, (String, String)> {
    let said = |error: bitopro_model::DecodeError| (error.path().to_owned(), error.to_string());
    let read = (stream.decode)(text).map_err(said);
    let any = Message::from_json(text).map_err(said);
    assert_eq!(any.as_ref().ok(), read.as_ref().ok(), "{text}");
    assert_eq!(any.as_ref().err().map(|(path, _)| path), read.as_ref().err().map(|(path, _)| path), "{text}");
    read
}

#[test]
fn fault_44_every_place_of_every_fixture_is_read_as_it_is_or_named_in_an_error() {
    let (mut lenient, mut optional, mut unknown) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for Fixture { path: fixture, text, stream, .. } in fixtures::all() {
        let message = Json::parse(&text);
        let is_known = Message::from_json(&text).unwrap().event() == stream.id.event();
        let mut all = Vec::new();
        places(&message, Place::default(), stream.id, &mut all);
        for place in all {
            for wrong in [Gone, Wrong::Twice].into_iter().chain(Kind::ALL.map(As)) {
                let Some(changed) = made_wrong(&message, &place, wrong) else { continue };
                let case = format!("{fixture}, {} {wrong:?}", place.path);
                let read = read(&stream, &changed.to_string());
                let is_envelope = matches!(place.general.as_str(), "" | "event");
                match read {
                    Err((path, said)) => {
                        assert!(is_known || is_envelope, "{case}: {said}");
                        assert!(said.starts_with(&fault(&place, wrong)), "{case}: {said}");
                        let named = if matches!(wrong, As(_)) { &place.path } else { &place.parent };
                        assert_eq!(&path, named, "{case}: {said}");
                        assert!(!is_unknown(&place.general) && !may(&place, wrong), "{case}: {said}");
                    }
                    Ok(read) if !is_known => {
                        assert!(!is_envelope, "{case}: {read:?}");
                        let written = Json::parse(&serde_json::to_string(&read).unwrap());
                        assert_eq!(written, changed, "{case}");
                    }
                    Ok(read) => {
                        let written = Json::parse(&serde_json::to_string(&read).unwrap()).sorted();
                        let expected = normalised(changed, &Place::default(), stream.id).sorted();
                        assert_eq!(written, expected, "{case}");
                        if is_unknown(&place.general) {
                            unknown.extend(UNKNOWN.iter().filter(|unknown| place.general == **unknown));
                        } else if place.is_optional() {
                            assert_ne!(wrong, Wrong::Twice, "{case}");
                            optional.extend(OPTIONAL.iter().filter(|optional| place.general == **optional));
                        } else {
                            lenient.insert((place.general.clone(), wrong));
                        }
                    }
                }
            }
        }
    }
    let documented: BTreeSet<_> = LENIENT
        .iter()
        .flat_map(|(place, wrongs)| wrongs.iter().map(|wrong| ((*place).to_owned(), *wrong)))
        .collect();
    assert_eq!(lenient, documented, "what is lenient, and what is documented to be");
    assert_eq!(optional, OPTIONAL.iter().collect(), "the optional fields of the fixtures");
    assert_eq!(unknown, UNKNOWN.iter().collect(), "the unknown fields of the fixtures");
}
