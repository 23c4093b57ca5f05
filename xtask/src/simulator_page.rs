//! Compares docs/simulator.md with the quirks of the simulator.

use std::collections::BTreeSet;
use std::fs;

use bitopro_sim::Quirks;

use crate::workspace;

const STATES: [&str; 4] = ["documented", "observed", "assumed", "missing"];

#[test]
fn the_page_about_the_simulator_has_every_quirk_as_a_switch_and_a_state_for_every_fact() {
    let page = fs::read_to_string(workspace::root().join("docs/simulator.md")).unwrap();
    let mut switches = BTreeSet::new();
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [fact, state, switch] = cells[..] else { panic!("{row}") };
        if fact == "fact" {
            continue;
        }
        assert!(STATES.iter().any(|known| state.starts_with(known)), "{row}");
        switches.extend(switch.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    for quirk in Quirks::ALL {
        assert!(switches.contains(quirk.name), "no fact has the switch `{}`", quirk.name);
    }
}
