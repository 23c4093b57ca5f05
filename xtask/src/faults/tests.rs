use std::fmt::Write;

use super::failure_model::{self, MIN_FAULTS};
use super::harness::results;
use super::{Test, coverage, fault_with_results, problems, read};

/// Returns a document that lists all faults, with this content in the last column.
fn document(column: impl Fn(u8) -> &'static str) -> String {
    let mut text = "Words\n\n| no. | fault | promise | tests |\n| --- | --- | --- | --- |\n".to_owned();
    for number in 1..=MIN_FAULTS {
        writeln!(text, "| {number} | fault {number} | promise {number} | {} |", column(number)).unwrap();
    }
    text + "\nMore words | and a bar.\n"
}

fn test(name: &str) -> Test {
    Test::parse(&format!("module::{name}")).unwrap()
}

fn tests_of_all_except(number: u8) -> Vec<Test> {
    (1..=MIN_FAULTS)
        .filter(|fault| *fault != number)
        .map(|fault| test(&format!("fault_{fault:02}_a")))
        .collect()
}

fn found(text: &str, tests: &[Test]) -> Vec<String> {
    problems(text, &failure_model::rows(text).unwrap(), tests)
}

#[test]
fn a_document_with_all_test_names_has_no_problems() {
    let tests = [tests_of_all_except(0), vec![test("fault_07_b")]].concat();
    let text = failure_model::with_test_names(&document(|_| ""), &tests).unwrap();
    assert!(text.contains("\n| 7 | fault 7 | promise 7 | `fault_07_a`<br>`fault_07_b` |\n"), "{text}");
    let end = format!("| `fault_{MIN_FAULTS}_a` |\n\nMore words | and a bar.\n");
    assert!(text.ends_with(&end), "{text}");
    assert_eq!(found(&text, &tests), [""; 0]);
    assert_eq!(failure_model::with_test_names(&text, &tests).unwrap(), text);
    let expected = format!("{MIN_FAULTS} of {MIN_FAULTS} faults have tests");
    assert_eq!(coverage(&failure_model::rows(&text).unwrap(), &tests), expected);
}

#[test]
fn a_fault_without_a_test_is_reported() {
    let tests = tests_of_all_except(7);
    let text = failure_model::with_test_names(&document(|_| ""), &tests).unwrap();
    assert!(text.contains("| promise 7 | none yet |"), "{text}");
    assert_eq!(found(&text, &tests), ["fault 7 has no test `fault_07_…`: fault 7"]);
    let expected = format!("{} of {MIN_FAULTS} faults have tests", MIN_FAULTS - 1);
    assert_eq!(coverage(&failure_model::rows(&text).unwrap(), &tests), expected);
}

#[test]
fn outdated_names_and_a_test_without_a_fault_are_reported() {
    let mut tests = tests_of_all_except(0);
    let outdated = document(|_| "`fault_01_old_name`");
    let expected = "the test names in docs/failures.md are out of date; run `cargo xtask faults --write`";
    assert_eq!(found(&outdated, &tests), [expected]);
    let text = failure_model::with_test_names(&outdated, &tests).unwrap();
    let unlisted = format!("fault_{}_x", MIN_FAULTS + 1);
    tests.push(test(&unlisted));
    let unlisted = format!("docs/failures.md does not list the fault of the test `module::{unlisted}`");
    assert_eq!(found(&text, &tests), [unlisted]);
}

#[test]
fn every_fault_has_exactly_one_complete_row() {
    let text = document(|_| "");
    let last = format!("| {MIN_FAULTS} |");
    let after_last = format!("| {} |", MIN_FAULTS + 1);
    let missing_last = format!("does not list fault {MIN_FAULTS}");
    for (row, replacement, part) in [
        ("| 7 | fault 7 | promise 7 |  |\n", "", "does not list fault 7"),
        ("| 7 |", "| 8 |", "duplicate fault 8"),
        (&*last, &*after_last, &*missing_last),
        ("| promise 7 |  |", "| promise 7 |", "row 7 of the failure model does not have four cells"),
        ("| promise 7 |", "|  |", "row 7 of the failure model has an empty cell"),
    ] {
        assert!(text.contains(row), "{row}");
        let error = failure_model::rows(&text.replacen(row, replacement, 1)).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    failure_model::rows(&read().unwrap()).unwrap();
}

#[test]
fn results_are_listed_by_fault() {
    let text = document(|_| "");
    let rows = failure_model::rows(&text).unwrap();
    let results = results(
        "running 4 tests\ntest a::fault_07_a ... ok\ntest b::fault_07_b ... FAILED\ntest fault_08_a ... ok\n\
         test fault_09_a ... ignored, takes long\n\ntest b::fault_07_b ... ok\n",
    );
    assert_eq!(results.len(), 3);
    assert_eq!(
        fault_with_results(7, &rows[&7], &results),
        " 7  fault 7\n    passed  a::fault_07_a\n    FAILED  b::fault_07_b\n"
    );
    assert_eq!(fault_with_results(9, &rows[&9], &results), " 9  fault 9\n    NO TEST\n");
}

#[test]
fn only_a_two_digit_prefix_names_a_fault() {
    for (name, expected) in [
        ("fault_07_frozen", Some(7)),
        ("faults::frozen::fault_44_x", Some(44)),
        ("fault_7_frozen", None),
        ("fault_107_frozen", None),
        ("fault_+7_frozen", None),
        ("fault_07", None),
        ("fault_é", None),
        ("a_fault_07_in_the_middle", None),
        ("fault_07_module::other", None),
    ] {
        assert_eq!(Test::parse(name).map(|test| test.fault), expected, "{name}");
    }
}
