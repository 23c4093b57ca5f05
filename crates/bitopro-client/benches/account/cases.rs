//! The list of the measurements.

/// Number of runs of each measurement.
const RUNS: usize = 3;
/// Number of runs of a measurement that varies more.
const MORE_RUNS: usize = 5;

/// A reader of a load over a link on a runtime.
pub(crate) struct Case {
    pub(crate) load: &'static str,
    pub(crate) link: &'static str,
    pub(crate) flavor: &'static str,
    pub(crate) reader: &'static str,
    /// The reader that it is compared with.
    pub(crate) baseline: String,
    pub(crate) runs: usize,
    /// The names of its rows, one for each figure that it measures.
    pub(crate) names: Vec<String>,
}

impl Case {
    /// Creates a measurement that is compared with bare sockets.
    fn new(names: impl IntoIterator<Item = String>, [load, link, flavor, reader]: [&'static str; 4]) -> Self {
        let names = names.into_iter().collect();
        Self { load, link, flavor, reader, baseline: format!("bare-{reader}"), runs: RUNS, names }
    }

    fn with_more_runs(mut self) -> Self {
        self.runs = MORE_RUNS;
        self
    }

    /// Sets the client of Python that it is compared with.
    fn with_python(mut self, client: &str) -> Self {
        self.baseline = format!("python-{client}");
        self
    }
}

/// Returns all measurements, in the order of the table.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let cpu = |words: [&'static str; 4]| Case::new([format!("cpu/{}", words.join("/"))], words);
    for load in ["flood", "paced"] {
        for (link, flavor) in [("plain", "current"), ("tls", "current"), ("tls", "multi")] {
            cases.extend(["balances", "account"].map(|reader| cpu([load, link, flavor, reader])));
        }
    }
    for link in ["plain", "tls"] {
        cases.push(cpu(["order-flood", link, "current", "orders"]));
        cases.push(cpu(["trade-flood", link, "current", "trades"]));
    }
    for (load, link) in [("book-flood", "plain"), ("books", "plain"), ("books", "tls")] {
        cases.push(cpu([load, link, "current", "books"]));
    }
    for (link, flavor) in [("plain", "current"), ("tls", "current"), ("tls", "multi")] {
        cases.push(cpu(["mixed", link, flavor, "account"]));
    }
    for link in ["plain", "tls"] {
        let memory =
            |reader| Case::new([format!("memory/{link}/{reader}")], ["idle", link, "current", reader]);
        cases.extend(["balances", "account"].map(memory));
    }
    let names = ["clients/memory", "clients/cpu"].map(str::to_owned);
    cases.push(Case::new(names, ["clients", "tls", "current", "clients"]).with_more_runs());
    for flavor in ["multi", "current"] {
        for (load, figures) in [("quiet", &["p50", "p99"][..]), ("burst", &["p50", "p99", "snapshots"])] {
            let names = figures.iter().map(|figure| format!("latency/{load}/{flavor}/{figure}"));
            cases.push(Case::new(names, [load, "tls", flavor, "account"]).with_more_runs());
        }
    }
    for link in ["plain", "tls"] {
        let names = ["cpu", "memory"].map(|figure| format!("scale/{link}/{figure}"));
        cases.push(Case::new(names, ["scale", link, "current", "account"]));
    }
    for load in ["updates", "snapshots"] {
        for client in ["websockets", "sdk"] {
            let words = [load, "plain", "current", "balances"];
            cases.push(Case::new([format!("peers/{load}/{client}")], words).with_python(client));
        }
    }
    // It stops reading when messages arrive faster.
    let paced = ["paced", "plain", "current", "balances"];
    cases.push(Case::new(["peers/paced/ccxt".to_owned()], paced).with_python("ccxt"));
    for (load, names) in
        [("flood", &["peers/watch/cpu", "peers/watch/missing"][..]), ("file", &["peers/decode/mixed"])]
    {
        let names = names.iter().map(|name| (*name).to_owned());
        cases.push(Case::new(names, [load, "plain", "current", "command"]).with_python("websockets"));
    }
    cases
}
