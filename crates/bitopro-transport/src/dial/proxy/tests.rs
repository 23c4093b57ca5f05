use super::{Protocol, Proxy};

fn proxy(text: &str) -> Proxy {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn a_proxy_is_parsed_from_its_url() {
    for (text, shown) in [
        ("http://proxy.test:3128", "http://proxy.test:3128"),
        ("http://proxy.test", "http://proxy.test:80"),
        (" HTTP://Proxy.Test:3128/ ", "http://proxy.test:3128"),
        ("proxy.test:3128", "http://proxy.test:3128"),
        ("proxy.test", "http://proxy.test:80"),
        ("10.0.0.1:8080", "http://10.0.0.1:8080"),
        ("me:secret@proxy.test:3128", "http://proxy.test:3128"),
        ("http://[2001:db8::1]:3128", "http://[2001:db8::1]:3128"),
        ("socks5://proxy.test", "socks5://proxy.test:1080"),
        ("socks5h://me:secret@10.0.0.1:9050", "socks5h://10.0.0.1:9050"),
    ] {
        assert_eq!(proxy(text).to_string(), shown, "{text}");
        assert_eq!(format!("{:?}", proxy(text)), format!("Proxy({shown})"), "{text}");
    }
}

#[test]
fn a_login_may_contain_any_character() {
    for (text, header) in [
        ("http://me:secret@proxy.test", "Basic bWU6c2VjcmV0"),
        ("me:secret@proxy.test", "Basic bWU6c2VjcmV0"),
        ("http://me:s@c%2Fr%3At@proxy.test", "Basic bWU6c0BjL3I6dA=="),
        ("http://me@proxy.test", "Basic bWU6"),
        ("http://me:pa^s [{\u{e4}@proxy.test", "Basic bWU6cGFecyBbe8Ok"),
    ] {
        let Protocol::HttpConnect { authorization: Some(value) } = proxy(text).protocol else {
            panic!("{text}")
        };
        assert_eq!(value, header, "{text}");
        assert!(value.is_sensitive());
    }
    let Protocol::Socks5 { login: Some(login) } = proxy("socks5h://m%40e:s%2Fc@proxy.test").protocol else {
        panic!("no login")
    };
    assert_eq!((login.user.as_str(), login.password.as_str()), ("m@e", "s/c"));
    let longest = "x".repeat(255);
    proxy(&format!("socks5h://{longest}:{longest}@proxy.test"));
}

#[test]
fn an_empty_login_is_ignored() {
    for text in ["http://@proxy.test", "http://:@proxy.test"] {
        assert!(matches!(proxy(text).protocol, Protocol::HttpConnect { authorization: None }), "{text}");
    }
    assert!(matches!(proxy("socks5://:@proxy.test").protocol, Protocol::Socks5 { login: None }));
}

#[test]
fn an_invalid_proxy_is_an_error_that_does_not_show_the_text() {
    let long = format!("socks5h://hush:{}@proxy.test", "hush".repeat(64));
    for (text, part) in [
        ("", "expected a proxy URL"),
        ("http://", "expected a proxy URL"),
        ("http://me:hush@", "expected a proxy URL"),
        ("http://me:hush@proxy.test:hush", "expected a proxy URL"),
        ("http://me:hush@proxy.test:65536", "expected a proxy URL"),
        ("hush:a://b@proxy.test:3128", "expected a proxy URL"),
        ("http://me:1/hush@proxy.test:3128", "%2F"),
        ("http://me:1?hush@proxy.test:3128", "%2F"),
        ("http://me:1#hush@proxy.test:3128", "%2F"),
        ("http://proxy.test/hush", "%2F"),
        ("https://me:hush@proxy.test", "use its `http://` port"),
        ("socks4://me:hush@proxy.test", "`socks4://` is not supported"),
        ("ftp://me:hush@proxy.test", "`ftp://` is not supported"),
        ("socks5h://hush@proxy.test", "1 to 255 bytes"),
        (long.as_str(), "1 to 255 bytes"),
    ] {
        let error = text.parse::<Proxy>().unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(part), "{text}: {shown}");
        assert!(!shown.contains("hush"), "{text}: {shown}");
    }
}
