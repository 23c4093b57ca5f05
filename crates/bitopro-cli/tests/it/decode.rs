use crate::process::{bitopro, run, run_with_input};

const UPDATE: &str = r#"{"event":"ACCOUNT_BALANCE","eventID":"88038887","timestamp":1639553303365,"datetime":"2021-12-15T15:28:23.365Z","data":{"ADA":{"currency":"ADA","amount":"1.10","available":"0","stake":"0.000","tradable":true,"risk":1.10}},"seq":9007199254740993}"#;

#[test]
fn a_frame_becomes_one_line_with_exact_values() {
    let outcome = run_with_input(&mut bitopro(&["decode"]), UPDATE.as_bytes());
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        outcome.stdout,
        concat!(
            r#"{"event":"ACCOUNT_BALANCE","event_id":"88038887","timestamp":1639553303365,"#,
            r#""time":"2021-12-15T07:28:23.365Z","datetime":"2021-12-15T15:28:23.365Z","#,
            r#""data":{"ADA":{"currency":"ADA","amount":"1.10","available":"0","stake":"0.000","tradable":true,"risk":1.10}},"#,
            r#""extra":{"seq":9007199254740993}}"#,
            "\n"
        )
    );
}

#[test]
fn an_unknown_event_is_printed_verbatim() {
    let outcome = run_with_input(
        &mut bitopro(&["decode", "-"]),
        b"{\"event\":\"MARGIN_BALANCE_INFO\",\"data\":[1.10]}\r\n",
    );
    assert_eq!(outcome.code, Some(0));
    let expected = r#"{"event":"MARGIN_BALANCE_INFO","unknown":true,"raw":{"event":"MARGIN_BALANCE_INFO","data":[1.10]}}"#;
    assert_eq!(outcome.stdout.trim_end(), expected);
}

#[test]
fn a_bad_line_is_reported_and_the_rest_is_decoded() {
    let bad_amount = UPDATE.replace("1.10\",", "1e1\",");
    let mut input = format!("{UPDATE}\n\n{bad_amount}\n{{\n").into_bytes();
    input.extend(b"\xff\xfe\n");
    input.extend(UPDATE.as_bytes());
    let outcome = run_with_input(&mut bitopro(&["decode"]), &input);
    assert_eq!((outcome.code, outcome.stdout.lines().count()), (Some(5), 2));
    let errors: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].starts_with("line 3: data.ADA.amount: `1e1`: "), "{}", errors[0]);
    assert!(errors[1].starts_with("line 4: invalid JSON at line 1 column 1: "), "{}", errors[1]);
    assert!(errors[2].starts_with("line 5: invalid utf-8"), "{}", errors[2]);
}

#[test]
fn a_file_is_decoded_and_a_missing_file_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("frames.jsonl");
    std::fs::write(&path, UPDATE).unwrap();
    let outcome = run(&mut bitopro(&["decode", path.to_str().unwrap()]));
    assert_eq!((outcome.code, outcome.stdout.lines().count()), (Some(0), 1));
    let outcome = run(&mut bitopro(&["decode", "/nowhere/frames.jsonl"]));
    assert_eq!(outcome.code, Some(2));
    assert!(outcome.stderr.contains("/nowhere/frames.jsonl"), "{}", outcome.stderr);
}
