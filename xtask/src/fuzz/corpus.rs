//! The seeds for fuzzing: inputs that reach the relevant code, derived from the fixtures. The targets in
//! `xtask/fuzz/src` document their format.

use super::Target;
use crate::fixtures;

/// Returns the seeds of a target.
pub(super) fn seeds(target: Target) -> anyhow::Result<Vec<Vec<u8>>> {
    let texts = fixtures::texts()?;
    let texts = texts.iter().map(String::as_str);
    Ok(match target {
        Target::Decode => texts.chain(DECIMALS).map(|text| text.as_bytes().to_vec()).collect(),
        Target::Rest => {
            let replies = fixtures::rest_texts()?;
            // The first byte of an input selects the status: a success, a rejection, a gateway.
            let replies = replies.iter().map(String::as_str).chain(PAGES);
            replies.flat_map(|text| [0, 2, 7].map(|status| [&[status], text.as_bytes()].concat())).collect()
        }
        Target::Session => texts.flat_map(|text| LINKS.map(|link| reconnecting_link(link, text))).collect(),
        Target::Upgrade => {
            let upgraded = texts.map(|text| [HANDSHAKE.as_bytes(), &frame(text)].concat());
            let refused = REFUSALS.into_iter().map(|refusal| refusal.as_bytes().to_vec());
            // With this first byte, the server sends the entire response and then closes the connection.
            upgraded.chain(refused).map(|response| [vec![1], response].concat()).collect()
        }
    })
}

const DECIMALS: [&str; 6] =
    ["0", "-0.00", "1.10", "999999999999.99999999", "79228162514264337593543950335", "1e5"];

/// Bodies of gateways, and truncated replies.
const PAGES: [&str; 5] = [
    "",
    "<html><h1>502 Bad Gateway</h1></html>",
    "{\"data\":[{\"id\":\"1\"",
    "null",
    "{\"error\":\"\u{1b}[2J\u{202e}\"}",
];

/// The link bits of an operation, in the order in which the links dial: history, open orders, balances,
/// trades.
const LINKS: [u8; 4] = [0x80, 0x40, 0, 0xc0];

/// Returns operations that connect all links, after which the given link receives the text, reconnects, and
/// receives the text again.
fn reconnecting_link(link: u8, text: &str) -> Vec<u8> {
    const SETTINGS: u8 = 0;
    const NEXT: [u8; 2] = [3, 0];
    const CONNECTED: u8 = 12;
    const TEXT: u8 = 16;
    const LOST: u8 = 17;
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes();
    let connects = LINKS.iter().flat_map(|link| [link | CONNECTED, 0].into_iter().chain(NEXT));
    let receives = [&[link | TEXT, 0], length.as_slice(), text.as_bytes()].concat();
    [
        [SETTINGS].as_slice(),
        &connects.collect::<Vec<u8>>(),
        &receives,
        &[link | LOST, 0],
        &NEXT,
        &[link | CONNECTED, 0],
        &receives,
    ]
    .concat()
}

const HANDSHAKE: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Accept: {accept}\r\n\r\n";

const REFUSALS: [&str; 7] = [
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 302 Found\r\nLocation: ws://elsewhere.test/\r\n\r\n",
    "HTTP/1.1 409 Conflict\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n\r\n",
    "HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n0\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
    "SSH-2.0-OpenSSH_9.6\r\n",
];

/// Returns a text as a single, unmasked WebSocket frame.
fn frame(text: &str) -> Vec<u8> {
    let length = text.len();
    let head = match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => vec![0x81, short],
        (_, Ok(long)) => [[0x81, 126].as_slice(), &long.to_be_bytes()].concat(),
        _ => [[0x81, 127].as_slice(), &(length as u64).to_be_bytes()].concat(),
    };
    [&head, text.as_bytes()].concat()
}
