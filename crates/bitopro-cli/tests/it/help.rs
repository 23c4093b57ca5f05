//! Compares the help texts and the errors of the command with the files in tests/cmd.
//!
//! `TRYCMD=overwrite cargo test -p bitopro-cli --test it help` updates the files.

#[test]
fn the_help_texts_and_errors_are_as_documented() {
    let unset = [
        "BITOPRO_API_KEY",
        "BITOPRO_API_SECRET",
        "BITOPRO_EMAIL",
        "BITOPRO_WS_URL",
        "BITOPRO_REST_URL",
        "BITOPRO_CA_FILE",
        "RUST_LOG",
    ];
    let cases = trycmd::TestCases::new();
    for variable in unset {
        cases.env(variable, "");
    }
    cases.env("COLUMNS", "100").case("tests/cmd/*.trycmd");
}
