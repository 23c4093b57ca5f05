//! The parts of the help texts that are not about one argument.

/// Joins the examples of a command with the exit codes, which the README also lists.
macro_rules! examples_and_exit_codes {
    ($examples:expr) => {
        concat!(
            $examples,
            "

Exit codes:
  0  success, including Ctrl-C, SIGTERM, SIGHUP and a closed pipe
  1  unexpected error
  2  usage: an invalid argument, pair, order, file, URL, proxy or CA certificate
  3  authentication: no usable credentials, or the exchange rejects them
  4  network: no connection (*), no stable connection (*), or an invalid certificate
  5  bad data: a message, a reply or an input line cannot be read
  6  rate limited (*)
  7  clock: this machine's clock differs too much from the exchange's, and retrying has not helped
  8  unknown outcome: an order may have been placed or cancelled
(*) `watch` returns these only with --once, or with --for if nothing has arrived; otherwise it retries."
        )
    };
}

pub(super) const BITOPRO: &str = examples_and_exit_codes!(
    "\
Examples:
  bitopro watch all --demo    watch an account on a built-in simulated exchange
  bitopro watch balances      watch your balances, with the key in BITOPRO_API_KEY,
                              BITOPRO_API_SECRET and BITOPRO_EMAIL
  bitopro ticker btc_twd      print a price, without credentials
  bitopro watch --help        more examples; every command has some"
);

pub(super) const WATCH: &str = examples_and_exit_codes!(
    "\
Examples:
  bitopro watch all --demo                        no account, no network
  bitopro watch orders --filter btc_twd --state   the open orders of one pair, as a table in place
  bitopro watch balances --credentials key.env    with the credentials in a file
  bitopro watch balances --once -o json | jq -r 'select(.type == \"snapshot\").data.BTC.amount'
  bitopro watch all -o json --heartbeat 30s >> account.ndjson
  bitopro watch trades --for 8h --local           until the evening, in local time
  bitopro watch book btc_twd:20 --state           the order book, with 20 levels on each side
  bitopro watch ticker btc_twd eth_twd --demo     prices on a built-in simulated exchange"
);

pub(super) const CHECK: &str = examples_and_exit_codes!(
    "\
Examples:
  bitopro check --demo                      what the lines look like
  bitopro check --credentials key.env       the way to the exchange, with the credentials in a file
  bitopro check -o json | jq 'select(.result == \"failed\")'"
);

pub(super) const COMPLETIONS: &str = "\
Examples:
  bitopro completions bash    save it as ~/.local/share/bash-completion/completions/bitopro
  bitopro completions zsh     save it as _bitopro in a directory of fpath";

pub(super) const MAN: &str = "\
Examples:
  bitopro man ~/.local/share/man/man1    read them with `man bitopro`
  bitopro man .                          write them to this directory";

pub(super) const BALANCES: &str = "\
Examples:
  bitopro balances            all balances
  bitopro balances btc twd    two of them
  bitopro balances -o json | jq -r 'select(.currency == \"twd\").available'";

pub(super) const ORDERS: &str = "\
Examples:
  bitopro orders                               the open orders of all pairs
  bitopro orders btc_twd --closed --since 7d   the closed orders that were placed in the last week
  bitopro orders btc_twd --closed --limit 20   the latest 20 closed orders";

pub(super) const TRADES: &str = "\
Examples:
  bitopro trades btc_twd --since 24h
  bitopro trades btc_twd --since 2026-11-01 --until 2026-12-01 --local
  bitopro trades btc_twd --since 90d -o json >> trades.ndjson";

pub(super) const PAIRS: &str = "\
Examples:
  bitopro pairs        all pairs
  bitopro pairs usdt   the pairs with USDT";

pub(super) const TICKER: &str = "\
Examples:
  bitopro ticker btc_twd eth_twd
  bitopro ticker btc_twd -o json | jq -r .lastPrice";

pub(super) const ORDER: &str = examples_and_exit_codes!(
    "\
Examples:
  bitopro order place btc_twd buy 0.01 --price 2600000   print the request
  bitopro order cancel btc_twd 1234567890 --live         cancel an order"
);

pub(super) const PLACE: &str = "\
Examples:
  bitopro order place btc_twd buy 0.01 --price 2600000          print the request
  bitopro order place btc_twd buy 0.01 --price 2600000 --live   send it
  bitopro order place btc_twd buy 1000 --market                 spend 1000 TWD
  bitopro order place btc_twd sell 0.01 --market                sell 0.01 BTC
  bitopro order place btc_twd sell 0.01 --price 2490000 --stop-below 2500000";

pub(super) const CANCEL: &str = "\
Examples:
  bitopro order cancel btc_twd 1234567890   print the request
  bitopro order cancel btc_twd --all        all open orders of a pair
  bitopro order cancel --all-pairs --live   all open orders of the account";

pub(super) const SIM: &str = "\
Examples:
  bitopro sim                       then paste the printed lines into another terminal
  bitopro sim --tls . --port 9443   with TLS; writes ./ca.pem
  bitopro sim --seed 7 --interval 100 --final-orders vanish --ping-period 1000
  echo '500 place a buy btc_twd 0.01 at 2600000' | bitopro sim --scenario -
  curl https://api.bitopro.com/v3/provisioning/trading-pairs | bitopro sim --pairs -
  bitopro sim --control --account alice   then: curl -d '{\"commands\": \"tick\"}' URL/commands";

pub(super) const DECODE: &str = "\
Examples:
  bitopro decode messages.jsonl
  bitopro decode < messages.jsonl | jq -c .data";

pub(super) const SIGN: &str = "\
Examples:
  bitopro sign | curl -H @- https://api.bitopro.com/v3/accounts/balance
  bitopro sign --body order.json | curl -H @- -d @order.json https://api.bitopro.com/v3/orders/btc_twd";

pub(super) const RECORD: &str = examples_and_exit_codes!(
    "\
Examples:
  bitopro record balances.jsonl                            the snapshot and one update
  bitopro record --updates 100 --seconds 3600 day.jsonl    up to 100 updates in an hour"
);

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;
    use clap::{CommandFactory, Parser};

    use crate::args::Args;
    use crate::exit::Status;

    /// Returns the commands in the examples of a help text, without what the shell handles.
    fn examples(help: &str) -> Vec<Vec<&str>> {
        let block = help.split("\n\n").find(|part| part.starts_with("Examples:")).unwrap();
        let commands = block.lines().flat_map(|line| line.split('|')).map(str::trim);
        let commands = commands.filter(|command| command.starts_with("bitopro "));
        let is_shell = |word: &&str| matches!(*word, "<" | ">>");
        let words = commands.map(|command| command.split("   ").next().unwrap().split_whitespace());
        words.map(|words| words.take_while(|word| !is_shell(word)).collect()).collect()
    }

    /// Returns the lines of the table of exit codes in the README, as the help shows them.
    fn exit_codes_of_readme() -> Vec<String> {
        let readme = include_str!("../../README.md");
        let rows = readme.split("| exit code | meaning |\n|---|---|\n").nth(1).unwrap().lines();
        let rows = rows.map_while(|row| row.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
        rows.map(|(code, meaning)| format!("  {code}  {}", meaning.replace('¹', "*"))).collect()
    }

    #[test]
    fn the_exit_codes_are_those_of_the_readme_and_of_the_command() {
        let table = exit_codes_of_readme();
        let statuses = [
            Status::Ok,
            Status::Unexpected,
            Status::Usage,
            Status::Auth,
            Status::Network,
            Status::BadData,
            Status::RateLimited,
            Status::Clock,
            Status::UnknownOutcome,
        ];
        let codes: Vec<_> = table.iter().map(|line| line.split_whitespace().next().unwrap()).collect();
        assert_eq!(codes, statuses.map(|status| (status as u8).to_string()));
        for help in [super::BITOPRO, super::WATCH, super::CHECK, super::RECORD, super::ORDER] {
            let shown: Vec<_> = help.split("Exit codes:\n").nth(1).unwrap().lines().collect();
            let (footnote, lines) = shown.split_last().unwrap();
            assert_eq!(lines, table);
            let footnote =
                footnote.replacen("(*)", "(¹)", 1).replace("--once", "`--once`").replace("--for", "`--for`");
            assert!(include_str!("../../README.md").contains(&footnote), "{footnote}");
        }
    }

    #[test]
    fn every_example_is_valid() {
        let mut args = Args::command();
        args.build();
        let helps = std::iter::once(&args)
            .chain(args.get_subcommands().filter(|command| command.get_name() != "help"));
        for command in helps {
            let help = command.get_after_help().unwrap().to_string();
            let examples = examples(&help);
            assert!(examples.len() >= 2, "{help}");
            for example in examples {
                if let Err(error) = Args::try_parse_from(&example) {
                    assert_eq!(error.kind(), ErrorKind::DisplayHelp, "{example:?}: {error}");
                }
            }
        }
    }
}
