use super::{
    API_KEY_VARIABLE, API_SECRET_VARIABLE, Credentials, EMAIL_VARIABLE, Variables, credentials_from_lines,
    text,
};

/// Reads the credentials from variables, as those of the environment.
fn read(variables: &[(&str, &[u8])]) -> Result<Credentials, Vec<String>> {
    let mut found = Variables::default();
    for (name, value) in variables {
        let value = text(value.to_vec()).ok_or_else(|| super::not_unicode(name));
        found.add(name, value);
    }
    found.into_credentials().map_err(|error| error.problems().to_vec())
}

#[test]
fn fault_60_every_missing_variable_is_named() {
    let key = (API_KEY_VARIABLE, &b"k"[..]);
    let all = [key, (API_SECRET_VARIABLE, b"s"), (EMAIL_VARIABLE, b"e@x")];
    let credentials = read(&all).unwrap();
    assert_eq!((credentials.api_key(), credentials.email()), ("k", "e@x"));
    let problem = |variables: &[_]| read(variables).unwrap_err().join("; ");
    assert_eq!(problem(&[]), "no value for BITOPRO_API_KEY, BITOPRO_API_SECRET and BITOPRO_EMAIL");
    assert_eq!(problem(&[key, (EMAIL_VARIABLE, b"")]), "no value for BITOPRO_API_SECRET and BITOPRO_EMAIL");
    assert_eq!(problem(&all[..2]), "no value for BITOPRO_EMAIL");
}

#[test]
fn fault_60_a_misspelt_name_is_reported_with_the_right_one() {
    for (misspelt, right) in [
        ("BITOPRO_APIKEY", API_KEY_VARIABLE),
        ("BITOPRO_KEY", API_KEY_VARIABLE),
        ("BITPRO_API_KEY", API_KEY_VARIABLE),
        ("bitopro_api_key", API_KEY_VARIABLE),
        ("BITOPRO_SECRET", API_SECRET_VARIABLE),
        ("BITOPRO_API_SECERT", API_SECRET_VARIABLE),
        ("BITOPRO_MAIL", EMAIL_VARIABLE),
        ("BITOPRO_API_EMAIL", EMAIL_VARIABLE),
    ] {
        let problems = read(&[(misspelt, b"x"), ("PATH", b"x"), ("BITOPRO_WS_URL", b"x")]).unwrap_err();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert_eq!(problems[1], format!("unknown name {misspelt} (did you mean {right}?)"));
    }
    for other in ["API_KEY", "BITOPRO", "BITOPRO_WS_URL", "BITOPRO_CA_FILE", "BITOPRO_TOKEN"] {
        assert_eq!(read(&[(other, b"x")]).unwrap_err().len(), 1, "{other}");
    }
}

#[test]
fn fault_60_the_problems_of_all_variables_are_listed_without_their_values() {
    let problems =
        read(&[(API_SECRET_VARIABLE, b"hush\xff"), (EMAIL_VARIABLE, b"'m3"), ("BITOPRO_APIKEY", b"hush")])
            .unwrap_err();
    assert_eq!(
        problems,
        [
            "no value for BITOPRO_API_KEY",
            "unknown name BITOPRO_APIKEY (did you mean BITOPRO_API_KEY?)",
            "BITOPRO_API_SECRET is not valid Unicode",
            "the email address has a quote at its beginning or end (remove it)",
            "the email address has no `@` (use the address of the BitoPro account)",
        ]
    );
}

#[test]
fn fault_60_the_last_of_several_lines_with_the_same_name_counts() {
    let lines = b"BITOPRO_API_KEY=old\nBITOPRO_EMAIL=e@x\nBITOPRO_API_SECRET=s\nBITOPRO_API_KEY=new\n";
    assert_eq!(credentials_from_lines(lines).unwrap().api_key(), "new");
}

#[test]
fn fault_60_unreadable_lines_are_named_by_number_without_their_contents() {
    let lines = b"BITOPRO_API_KEY = hush\nBITOPRO_API_SECRET=hush hush\nBITOPRO_EMAIL=m3\nOTHER=$hush\n";
    let error = credentials_from_lines(lines).unwrap_err();
    assert_eq!(
        error.problems(),
        [
            "no value for BITOPRO_API_KEY",
            "line 1 is not of the form NAME=value",
            "line 2 has a space in the value (put the value in single quotes)",
            "the email address has no `@` (use the address of the BitoPro account)",
        ]
    );
    assert!(!format!("{error} {error:?}").contains("hush"));
}

#[test]
fn fault_60_a_file_that_is_not_text_is_a_short_error() {
    let error = credentials_from_lines(&b"\0\xff\n".repeat(1000)).unwrap_err();
    assert_eq!(error.problems().len(), 7, "{error}");
    assert_eq!(error.problems()[5], "line 5 is not UTF-8 text (save the file as UTF-8)");
    assert_eq!(error.problems()[6], "995 more lines cannot be read");
}
