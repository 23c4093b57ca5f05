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
    assert!(errors[1].starts_with("line 4: invalid JSON at column 1: "), "{}", errors[1]);
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

#[test]
fn a_byte_order_mark_is_skipped_and_utf_16_is_reported_once() {
    // Concatenated files can have a mark on any line.
    let marked = format!("\u{feff}{UPDATE}\r\n\u{feff}{UPDATE}\n\u{feff}\n");
    let outcome = run_with_input(&mut bitopro(&["decode"]), marked.as_bytes());
    assert_eq!((outcome.code, outcome.stderr.as_str(), outcome.stdout.lines().count()), (Some(0), "", 2));
    for utf_16 in [
        format!("\u{feff}{UPDATE}\n{UPDATE}\n")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>(),
        format!("\u{feff}{UPDATE}\n").encode_utf16().flat_map(u16::to_be_bytes).collect(),
        format!("{UPDATE}\n").encode_utf16().flat_map(u16::to_le_bytes).collect(),
        format!("{UPDATE}\n").encode_utf16().flat_map(u16::to_be_bytes).collect(),
    ] {
        let outcome = run_with_input(&mut bitopro(&["decode"]), &utf_16);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(5), ""));
        let expected = "bitopro: the input is UTF-16, but messages are UTF-8; convert it, for example with \
                        `iconv -f UTF-16 -t UTF-8`\n";
        assert_eq!(outcome.stderr, expected);
    }
}

#[test]
fn a_line_longer_than_a_message_is_reported_and_the_next_one_is_decoded() {
    const LIMIT: usize = 16 << 20;
    let longest = UPDATE.replacen('{', &format!("{{{}", " ".repeat(LIMIT - UPDATE.len())), 1);
    let input = format!("{longest}\r\n {longest}\n{UPDATE}");
    let outcome = run_with_input(&mut bitopro(&["decode"]), input.as_bytes());
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(5), "line 2: longer than 16777216 bytes\n"));
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!((lines.len(), lines[0]), (2, lines[1]));
}

#[test]
fn fault_57_hostile_text_in_a_message_is_escaped_in_errors_and_output() {
    const HOSTILE: &str = "\u{7f}\u{85}\u{9b}\u{61c}\u{200f}\u{2028}\u{2029}\u{202e}\u{2066}";
    const ESCAPED: &str = r"\u007f\u0085\u009b\u061c\u200f\u2028\u2029\u202e\u2066";
    let message = UPDATE
        .replace("88038887", HOSTILE)
        .replace("ADA", &format!("台{HOSTILE}"))
        .replace(r#""risk":1.10"#, &format!(r#""{HOSTILE}":["{HOSTILE}"]"#));
    let unknown = format!(r#"{{"event":"{HOSTILE}","x":"{HOSTILE}"}}"#);
    let invalid = message.replace("1.10", HOSTILE);
    let input = format!("{message}\n{unknown}\n{invalid}\n");
    let outcome = run_with_input(&mut bitopro(&["decode"]), input.as_bytes());
    assert_eq!(outcome.code, Some(5));
    let [decoded, raw] = outcome.json().try_into().unwrap();
    let (event_id, data) = (&decoded["event_id"], &decoded["data"][format!("台{HOSTILE}")]);
    assert_eq!((event_id, &data[HOSTILE][0]), (&HOSTILE.into(), &HOSTILE.into()));
    assert_eq!((&raw["event"], &raw["raw"]["x"]), (&HOSTILE.into(), &HOSTILE.into()));
    assert_eq!(outcome.stdout.matches(ESCAPED).count(), 5 + 3, "{}", outcome.stdout);
    for text in [outcome.stdout, outcome.stderr] {
        let shown = text.trim_end().replace('\n', "");
        assert!(!shown.contains(|shown| char::is_control(shown) || HOSTILE.contains(shown)), "{shown:?}");
        assert!(shown.contains('台'), "{shown}");
    }
}
