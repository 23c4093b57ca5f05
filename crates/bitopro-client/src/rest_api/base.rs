use bitopro_rest::BaseUrl;
use http::Uri;

/// The domain of the exchange.
const DOMAIN: &str = "bitopro.com";

/// The base URL of the REST API, or the reason why the REST API is off.
pub(crate) type RestBase = Result<BaseUrl, &'static str>;

const NOT_THE_EXCHANGE: &str = "the streams are not those of the exchange, and the base URL of their REST API is \
    unknown; set it in BITOPRO_REST_URL or with `with_rest_endpoint`";

/// Selects the base URL of the REST API that belongs to these base URLs of the streams.
///
/// A request that is signed for one server must not reach another one. So the exchange's own REST API belongs
/// only to its own streams, and the other way round. The error describes the problem.
pub(crate) fn rest_base(streams: &[Uri], chosen: Option<&str>) -> Result<RestBase, String> {
    let are_exchange =
        !streams.is_empty() && streams.iter().all(|url| is_exchange(url.host().unwrap_or_default()));
    let Some(text) = chosen else {
        return Ok(if are_exchange { Ok(BaseUrl::default()) } else { Err(NOT_THE_EXCHANGE) });
    };
    let base: BaseUrl = text.trim().parse().map_err(|error| format!("REST base URL: {error}"))?;
    let host = base.to_string().parse::<Uri>().ok().and_then(|url| url.host().map(str::to_owned));
    match (is_exchange(&host.unwrap_or_default()), are_exchange) {
        (true, false) => Err(format!(
            "REST base URL `{base}` is that of the exchange, but the base URL of the streams is not; set both to the \
             same server"
        )),
        (false, true) => Err(format!(
            "REST base URL `{base}` is not that of the exchange, but the base URL of the streams is; set both to the \
             same server"
        )),
        _ => Ok(Ok(base)),
    }
}

fn is_exchange(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == DOMAIN || host.strip_suffix(DOMAIN).is_some_and(|host| host.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use http::Uri;

    use super::{NOT_THE_EXCHANGE, rest_base};

    const EXCHANGE: [&str; 2] = ["wss://stream.bitopro.com:443/ws", "wss://stream.bitopro.com:9443/ws"];
    const SIMULATOR: &str = "ws://127.0.0.1:8765/ws";

    fn selected(streams: &[&str], chosen: Option<&str>) -> Result<Result<String, &'static str>, String> {
        let streams: Vec<Uri> = streams.iter().map(|url| url.parse().unwrap()).collect();
        rest_base(&streams, chosen).map(|base| base.map(|base| base.to_string()))
    }

    #[test]
    fn the_exchange_is_the_default_only_for_its_own_streams() {
        assert_eq!(selected(&EXCHANGE, None), Ok(Ok("https://api.bitopro.com/v3".to_owned())));
        for streams in [
            &[SIMULATOR][..],
            &[EXCHANGE[0], SIMULATOR],
            &["wss://stream.notbitopro.com/ws"],
            &["wss://bitopro.com.example/ws"],
            &[],
        ] {
            assert_eq!(selected(streams, None), Ok(Err(NOT_THE_EXCHANGE)), "{streams:?}");
        }
    }

    #[test]
    fn streams_and_rest_api_belong_to_the_same_server() {
        let simulator = " http://127.0.0.1:8765/v3/\n";
        assert_eq!(selected(&[SIMULATOR], Some(simulator)), Ok(Ok("http://127.0.0.1:8765/v3".to_owned())));
        assert!(selected(&EXCHANGE, Some("https://API.bitopro.com./v3")).is_ok());
        for (streams, chosen, part) in [
            (&EXCHANGE[..], simulator, "is not that of the exchange, but the base URL of the streams is"),
            (&[SIMULATOR], "https://api.bitopro.com/v3", "is that of the exchange, but"),
            (&[EXCHANGE[0], SIMULATOR], "https://api.bitopro.com/v3", "is that of the exchange, but"),
            (&[SIMULATOR], "http://example.com/v3", "loopback"),
        ] {
            let error = selected(streams, Some(chosen)).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
