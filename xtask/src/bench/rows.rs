//! The rows of the table, with their baselines and goals.

use std::process::Command;

use crate::workspace::cargo;

/// A benchmark of a package.
#[derive(Debug)]
pub(super) struct Program {
    package: &'static str,
    pub(super) bench: &'static str,
}

impl Program {
    /// Returns the command that builds and runs it.
    pub(super) fn cargo_bench(&self) -> Command {
        let args = ["bench", "--locked", "--quiet", "--all-features"];
        let mut cargo = cargo(&args);
        cargo.args(["--package", self.package, "--bench", self.bench]);
        cargo
    }
}

/// Decoding and encoding.
pub(super) const MESSAGES: Program = Program { package: "bitopro-model", bench: "messages" };
const SIGN: Program = Program { package: "bitopro-auth", bench: "sign" };
/// The client without sockets.
pub(super) const ENGINE: Program = Program { package: "bitopro-client", bench: "engine" };
const ACCOUNT: Program = Program { package: "bitopro-client", bench: "account" };

/// The rows that one program measures.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) program: Program,
    /// The option that selects these rows, or `None` if they are always measured.
    pub(super) option: Option<Slow>,
    pub(super) rows: &'static [Rows],
}

/// An option that selects slow measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slow {
    Scale,
    Peers,
}

/// Rows with the same baseline and the same goal.
#[derive(Debug)]
pub(super) struct Rows {
    /// The first part of their names.
    pub(super) group: &'static str,
    /// The other parts of their names.
    pub(super) members: &'static [&'static str],
    /// The code that they are compared with.
    pub(super) baseline: &'static str,
    /// The column of the program's table that is compared with the goal.
    pub(super) column: &'static str,
    /// The largest value that meets the goal, if any.
    pub(super) goal: Option<f64>,
}

impl Rows {
    const fn new(group: &'static str, members: &'static [&'static str], baseline: &'static str) -> Self {
        Self { group, members, baseline, column: "ratio", goal: None }
    }

    const fn with_goal(mut self, goal: f64) -> Self {
        self.goal = Some(goal);
        self
    }

    const fn with_column(mut self, column: &'static str) -> Self {
        self.column = column;
        self
    }

    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.members.iter().map(|member| format!("{}/{member}", self.group))
    }
}

impl Set {
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.rows.iter().flat_map(Rows::names)
    }
}

/// All rows, in the order of the table.
pub(super) const SETS: &[Set] = &[
    Set {
        program: MESSAGES,
        option: None,
        rows: &[
            Rows::new("decode", &["a", "bs"], STRINGS).with_goal(0.20),
            Rows::new("decode", &["c", "d", "e", "f"], STRINGS).with_goal(0.40),
            Rows::new("decode", &["b", "c-without-id", "book"], STRINGS),
            Rows::new("careful", &["a", "bs", "c", "d", "e", "f", "book"], STRINGS),
            Rows::new("general", &["a", "bs", "c", "d", "e", "f", "book"], "careful structs").with_goal(1.2),
            Rows::new("unknown-stream", &["a", "bs", "c", "d", "e", "f", "book"], "known stream")
                .with_goal(1.05),
            Rows::new("encode", &["a", "bs", "c", "d", "e", "f", "book"], STRINGS).with_goal(1.2),
            Rows::new("error", &["bs"], "a valid message").with_goal(2.0),
        ],
    },
    Set {
        program: SIGN,
        option: None,
        rows: &[Rows::new("sign", &["dial"], "HMAC-SHA384 alone").with_goal(1.6)],
    },
    Set {
        program: ENGINE,
        option: None,
        rows: &[
            Rows::new("held/orders", SIZES, "not held").with_goal(3.0),
            Rows::new("held", &["balances/150"], "not held"),
            Rows::new("held/history", SIZES, "not held"),
            Rows::new("held/trades", SIZES, "not held"),
            Rows::new("size/orders", LARGE, "20 orders").with_goal(1.3),
            Rows::new("size/history", LARGE, "20 kept").with_goal(1.3),
            Rows::new("size/trades", LARGE, "20 kept").with_goal(1.3),
            Rows::new("size/whole-pair", LARGE, "20 other orders").with_goal(1.3),
        ],
    },
    Set {
        program: ACCOUNT,
        option: None,
        rows: &[
            Rows::new("cpu/flood/plain/current", &["balances", "account"], BARE).with_goal(2.5),
            Rows::new("cpu/flood/tls/current", &["balances", "account"], BARE).with_goal(1.8),
            Rows::new("cpu", &["order-flood/plain/current/orders", "trade-flood/plain/current/trades"], BARE)
                .with_goal(4.0),
            Rows::new("memory/plain", &["balances"], "KiB").with_column("client").with_goal(38.0),
            Rows::new("memory/tls", &["balances"], "KiB").with_column("client").with_goal(53.0),
            Rows::new("clients", &["memory"], "KiB more than a shared connector")
                .with_column("added")
                .with_goal(4.0),
            Rows::new("clients", &["cpu"], "ms more than a shared connector")
                .with_column("added")
                .with_goal(0.1),
            Rows::new("latency/quiet", &["current/p50", "multi/p50"], BARE).with_goal(1.15),
            Rows::new("latency/quiet", &["current/p99", "multi/p99"], BARE).with_goal(1.2),
        ],
    },
    Set {
        program: ACCOUNT,
        option: Some(Slow::Scale),
        rows: &[
            Rows::new("scale/plain", &["cpu"], "8,000 bare read loops").with_goal(1.3),
            Rows::new("scale/plain", &["memory"], "MiB").with_column("client").with_goal(200.0),
            Rows::new("scale/tls", &["cpu"], "8,000 bare read loops").with_goal(1.3),
            Rows::new("scale/tls", &["memory"], "MiB").with_column("client"),
        ],
    },
    Set {
        program: ACCOUNT,
        option: Some(Slow::Peers),
        rows: &[
            Rows::new("peers/updates", &["websockets"], PYTHON),
            Rows::new("peers/updates", &["sdk"], SDK),
            Rows::new("peers/paced", &["ccxt"], CCXT),
            Rows::new("peers/snapshots", &["websockets"], PYTHON).with_goal(0.45),
            Rows::new("peers/snapshots", &["sdk"], SDK),
            Rows::new("peers/watch", &["cpu"], "Python: websockets, orjson, print").with_goal(0.2),
            Rows::new("peers/watch", &["missing"], "updates").with_column("client").with_goal(0.0),
            Rows::new("peers/decode", &["mixed"], "Python: orjson").with_goal(0.5),
        ],
    },
];

const SIZES: &[&str] = &["10", "1000", "10000"];
const LARGE: &[&str] = &["1000", "10000"];
const PYTHON: &str = "Python: websockets, orjson";
const SDK: &str = "the exchange's Python SDK";
const CCXT: &str = "ccxt for Python";
const STRINGS: &str = "String structs, HashMap";
const BARE: &str = "bare read loop";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{SETS, Set};

    #[test]
    fn each_row_has_its_own_name() {
        let names: Vec<String> = SETS.iter().flat_map(Set::names).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }
}
