//! Who is answered: requests to this address, from its own page, with its token.

use axum::http::{HeaderMap, Uri, header};

use super::token::Token;

/// The header in which the page sends the token.
const TOKEN_HEADER: &str = "x-token";

/// Paths of what the page asks for by itself; all others are opened by the browser and have the token in their address.
pub(super) const API: &str = "/api/";

/// What a request needs to be answered.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    /// The secret.
    pub(super) token: Token,
    /// The port that is listened on.
    pub(super) port: u16,
}

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// The name of another host: a page elsewhere whose name was made to lead here.
    #[error("the request is to another host than this editor's")]
    Host,
    /// Another page's request.
    #[error("the request is from another page than this editor's")]
    Origin,
    /// No token, or another one.
    #[error("the token of this editor's address is missing or wrong")]
    Token,
}

impl Refusal {
    /// What the person can do about it.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Host | Self::Origin | Self::Token => {
                "open the whole address that `pipeline edit RUN` printed"
            }
        }
    }
}

impl Gate {
    /// The addresses of this editor, without a scheme.
    fn hosts(&self) -> [String; 2] {
        [
            format!("127.0.0.1:{}", self.port),
            format!("localhost:{}", self.port),
        ]
    }

    /// Refuses what is not from this editor's page.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let hosts = self.hosts();
        let host = text(header::HOST.as_str()).ok_or(Refusal::Host)?;
        if headers.get_all(header::HOST).iter().count() != 1 || !hosts.contains(&host.to_owned()) {
            return Err(Refusal::Host);
        }
        if headers.contains_key(header::ORIGIN) {
            let origin =
                text(header::ORIGIN.as_str()).and_then(|text| text.strip_prefix("http://"));
            if !origin.is_some_and(|origin| hosts.contains(&origin.to_owned())) {
                return Err(Refusal::Origin);
            }
        }
        let given = if uri.path().starts_with(API) {
            text(TOKEN_HEADER)
        } else {
            let pairs = uri.query().unwrap_or_default().split('&');
            let mut values = pairs.filter_map(|pair| pair.strip_prefix("token="));
            values.next()
        };
        if given.is_some_and(|given| self.token.is(given)) {
            Ok(())
        } else {
            Err(Refusal::Token)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> Gate {
        Gate {
            token: Token::random().unwrap(),
            port: 4321,
        }
    }

    fn asked(gate: &Gate, path: &str, headers: &[(&str, &str)]) -> Result<(), Refusal> {
        let uri: Uri = path.replace("TOKEN", gate.token.as_str()).parse().unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = value.replace("TOKEN", gate.token.as_str());
            let name: header::HeaderName = name.parse().unwrap();
            map.append(name, value.parse().unwrap());
        }
        gate.check(&uri, &map)
    }

    #[test]
    fn the_page_needs_the_token_in_its_address_and_its_requests_in_a_header() {
        let gate = gate();
        let host = ("host", "127.0.0.1:4321");
        let page = |path: &str| asked(&gate, path, &[host]);
        assert_eq!(page("/?token=TOKEN"), Ok(()));
        assert_eq!(page("/?clip=a&token=TOKEN"), Ok(()));
        for path in ["/", "/?token=", "/?token=TOKEN0", "/api/run?token=TOKEN"] {
            assert_eq!(page(path), Err(Refusal::Token), "{path}");
        }
        let api = |value: &str| asked(&gate, "/api/run", &[host, ("x-token", value)]);
        assert_eq!(api("TOKEN"), Ok(()));
        assert_eq!(api("0"), Err(Refusal::Token));
    }

    #[test]
    fn other_hosts_and_origins_are_refused_even_with_the_token() {
        let gate = gate();
        let with = |headers: &[(&str, &str)]| asked(&gate, "/?token=TOKEN", headers);
        let own = ("host", "localhost:4321");
        assert_eq!(with(&[]), Err(Refusal::Host));
        for host in [
            "evil.example",
            "127.0.0.1",
            "127.0.0.1:80",
            "evil.example:4321",
        ] {
            assert_eq!(with(&[("host", host)]), Err(Refusal::Host), "{host}");
        }
        assert_eq!(with(&[own, own]), Err(Refusal::Host));
        assert_eq!(with(&[own, ("origin", "http://localhost:4321")]), Ok(()));
        for origin in [
            "http://evil.example",
            "null",
            "https://localhost:4321",
            "http://localhost:1",
        ] {
            let refused = with(&[own, ("origin", origin)]);
            assert_eq!(refused, Err(Refusal::Origin), "{origin}");
        }
    }
}
