use bitopro_auth::{Credentials, Payload};

use crate::process::{Outcome, bitopro, run, run_with_input, with_credentials};

fn headers(outcome: &Outcome) -> Vec<(String, String)> {
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    let pair =
        |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
    outcome.stdout.lines().map(pair).collect()
}

#[test]
fn the_headers_verify_and_do_not_contain_the_secret() {
    let credentials = Credentials::new("key", "hush-hush", "me@example.com").unwrap();
    let mut command = bitopro(&["sign"]);
    with_credentials(&mut command, "key", "hush-hush", "me@example.com");
    let outcome = run(&mut command);
    let headers = headers(&outcome);
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["X-BITOPRO-APIKEY", "X-BITOPRO-PAYLOAD", "X-BITOPRO-SIGNATURE"]);
    let payload = Payload::received(headers[1].1.as_str());
    assert_eq!(credentials.verify(&payload, &headers[2].1), Ok(()));
    assert_eq!(payload.identity_claim().unwrap().identity, "me@example.com");
    assert!(!outcome.stdout.contains("hush"));
}

fn sign_body(body: &[u8]) -> Outcome {
    let mut command = bitopro(&["sign", "--body", "-"]);
    with_credentials(&mut command, "key", "secret", "me@example.com");
    run_with_input(&mut command, body)
}

#[test]
fn a_body_is_signed_byte_for_byte_without_a_trailing_line_end() {
    let json = "{ \"amount\":\r\n \"1.10\", \"note\": \"比特幣\" }";
    for (end, signed_end) in [("", ""), ("\n", ""), ("\r\n", ""), ("\n\n", "\n"), (" ", " "), ("\r", "\r")] {
        let headers = headers(&sign_body(format!("{json}{end}").as_bytes()));
        let signed = format!("{json}{signed_end}");
        assert_eq!(headers[1].1, Payload::of_body(signed.as_bytes()).as_str(), "{end:?}");
    }
}

#[test]
fn a_body_that_is_not_json_is_rejected_without_printing_it() {
    let not_json = "bitopro: the request body from standard input is not JSON; pass the body that you send\n";
    for (body, cause) in [
        (&b"hush-hush"[..], "expected value at line 1 column 1"),
        (b"{\"amount\": hush-hush}", "expected value at line 1 column 12"),
        (b"{\"hush-hush\": 1", "EOF while parsing an object at line 1 column 15"),
        (b"{} hush-hush", "trailing characters at line 1 column 4"),
        (b"{\"hush-hush\":\"\xff\"}", "invalid utf-8 sequence of 1 bytes from index 14"),
        (b" ", "EOF while parsing a value at line 1 column 1"),
    ] {
        let outcome = sign_body(body);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""));
        assert_eq!(outcome.stderr, format!("{not_json}  caused by: {cause}\n"));
    }
    for body in [&b""[..], b"\n", b"\r\n"] {
        let outcome = sign_body(body);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""));
        let expected = "bitopro: the request body from standard input is empty; omit `--body` to sign a GET or DELETE \
            request, which has none\n";
        assert_eq!(outcome.stderr, expected);
    }
}
