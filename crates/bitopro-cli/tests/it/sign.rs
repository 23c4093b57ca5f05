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

#[test]
fn a_body_is_signed_byte_for_byte() {
    let body = b"{ \"amount\": \"1.10\" }\n";
    let mut command = bitopro(&["sign", "--body", "-"]);
    with_credentials(&mut command, "key", "secret", "me@example.com");
    let headers = headers(&run_with_input(&mut command, body));
    assert_eq!(headers[1].1, Payload::of_body(body).as_str());
}
