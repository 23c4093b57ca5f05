use std::fmt::Write;

use super::*;

/// A chapter with all faults, each with the tests that its column names.
fn chapter(column: impl Fn(u8) -> &'static str) -> String {
    let mut text = "Words\n\n| no. | fault | promise | tests |\n| --- | --- | --- | --- |\n".to_owned();
    for number in 1..=55 {
        writeln!(text, "| {number} | fault {number} | promise {number} | {} |", column(number)).unwrap();
    }
    text + "\nMore words | and a bar.\n"
}

fn tests_of_all(but: u8) -> Vec<Test> {
    (1..=55)
        .filter(|number| *number != but)
        .map(|number| test(number, &format!("fault_{number:02}_a")))
        .collect()
}

fn test(fault: u8, name: &str) -> Test {
    Test::new(fault, "a-crate", &format!("module::{name}"))
}

fn found(text: &str, tests: &[Test]) -> Vec<String> {
    problems(text, &chapter::rows(text).unwrap(), tests)
}

#[test]
fn a_chapter_that_was_filled_in_is_as_it_should_be() {
    let tests = [tests_of_all(0), vec![test(7, "fault_07_b")]].concat();
    let text = chapter::filled(&chapter(|_| ""), &tests).unwrap();
    assert!(text.contains("\n| 7 | fault 7 | promise 7 | `fault_07_a`<br>`fault_07_b` |\n"), "{text}");
    assert!(text.ends_with("| `fault_55_a` |\n\nMore words | and a bar.\n"), "{text}");
    assert_eq!(found(&text, &tests), [""; 0]);
    assert_eq!(chapter::filled(&text, &tests).unwrap(), text);
    assert_eq!(covered(&chapter::rows(&text).unwrap(), &tests), "55 of 55 faults have tests");
}

#[test]
fn a_fault_without_a_test_is_named() {
    let tests = tests_of_all(7);
    let text = chapter::filled(&chapter(|_| ""), &tests).unwrap();
    assert!(text.contains("| promise 7 | none yet |"), "{text}");
    assert_eq!(found(&text, &tests), ["fault 7 has no test `fault_07_…`: fault 7"]);
    assert_eq!(covered(&chapter::rows(&text).unwrap(), &tests), "54 of 55 faults have tests");
}

#[test]
fn a_column_that_is_not_what_there_is_and_a_test_of_no_fault_are_problems() {
    let mut tests = tests_of_all(0);
    let stale = chapter(|_| "`fault_01_that_was`");
    let differs = "docs/failures.md does not name the tests as they are: run `cargo xtask faults --write`";
    assert_eq!(found(&stale, &tests), [differs]);
    let text = chapter::filled(&stale, &tests).unwrap();
    tests.push(test(56, "fault_56_x"));
    let stranger = "module::fault_56_x of a-crate is named after a fault that docs/failures.md does not list";
    assert_eq!(found(&text, &tests), [stranger]);
}

#[test]
fn a_chapter_must_list_every_fault_once_in_whole_rows() {
    let text = chapter(|_| "");
    for (row, instead, part) in [
        ("| 7 | fault 7 | promise 7 |  |\n", "", "does not list fault 7"),
        ("| 7 |", "| 8 |", "fault 8 stands twice"),
        ("| 55 |", "| 56 |", "does not list fault 55"),
        ("| promise 7 |  |", "| promise 7 |", "row 7 of the failure model does not have four cells"),
        ("| promise 7 |", "|  |", "row 7 of the failure model has an empty cell"),
    ] {
        assert!(text.contains(row), "{row}");
        let error = chapter::rows(&text.replacen(row, instead, 1)).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn results_stand_under_their_fault() {
    let text = chapter(|_| "");
    let rows = chapter::rows(&text).unwrap();
    let tests = [test(7, "fault_07_a"), test(7, "fault_07_b"), test(8, "fault_08_a")];
    let ran = |test, passed| Ran { test, passed, output: String::new() };
    let ran = [ran(&tests[0], true), ran(&tests[1], false), ran(&tests[2], true)];
    assert_eq!(
        shown(7, &rows[&7], &ran),
        " 7  fault 7\n    passed  a-crate: fault_07_a\n    FAILED  a-crate: fault_07_b\n"
    );
    assert_eq!(shown(9, &rows[&9], &ran), " 9  fault 9\n    NO TEST\n");
}

#[test]
fn the_book_lists_every_fault() {
    chapter::rows(&read().unwrap()).unwrap();
}
