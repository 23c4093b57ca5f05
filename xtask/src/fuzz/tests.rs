use super::*;

fn check(target: Target, input: &[u8]) {
    match target {
        Target::Decode => targets::decode::check(input),
        Target::Session => targets::session::check(input),
        Target::Upgrade => targets::upgrade::check(input),
    }
}

/// Whole, and cut anywhere: a small part of what a fuzzer does, on any toolchain.
#[test]
fn every_seed_holds() {
    for target in Target::ALL {
        for seed in corpus::seeds(target).unwrap() {
            check(target, &seed);
            for length in (0..seed.len()).step_by(seed.len() / 16 + 1) {
                check(target, &seed[..length]);
            }
        }
    }
}

#[test]
fn what_is_missing_is_named_with_its_remedy() {
    assert_eq!(missing(&["--version"], "cargo", "rustup"), None);
    assert_eq!(
        missing(&["no-such-command"], "a tool", "cargo install tool"),
        Some("a tool is missing (`cargo install tool`)".to_owned())
    );
}
