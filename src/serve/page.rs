//! The page's files, compiled in; the token goes into the page that the browser opens.

use super::token::Token;

const HTML: &str = include_str!("page/editor.html");
const CSS: &str = include_str!("page/editor.css");
/// One script of several files: each needs those before it.
const SCRIPT: &str = concat!(
    include_str!("page/server.js"),
    include_str!("page/pictures.js"),
    include_str!("page/player.js"),
    include_str!("page/slots.js"),
    include_str!("page/edit.js"),
    include_str!("page/result.js"),
    include_str!("page/editor.js"),
);

/// What the browser may load and where it may send something: this editor alone.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                                 base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page: media type and text.
pub(super) fn file(path: &str, token: &Token) -> Option<(&'static str, String)> {
    match path {
        "/" => Some((
            "text/html; charset=utf-8",
            HTML.replace("{{token}}", token.as_str()),
        )),
        "/editor.css" => Some(("text/css; charset=utf-8", CSS.to_owned())),
        "/editor.js" => Some(("text/javascript; charset=utf-8", SCRIPT.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_names_nothing_outside_of_this_machine() {
        let token = Token::random().unwrap();
        for path in ["/", "/editor.css", "/editor.js"] {
            let (_, text) = file(path, &token).unwrap();
            for scheme in ["http:", "https:", "ws:", "@import"] {
                assert!(!text.contains(scheme), "{path} names {scheme}");
            }
        }
        let (_, page) = file("/", &token).unwrap();
        assert_eq!(page.matches(token.as_str()).count(), 3);
        assert!(!page.contains("{{"), "everything is filled in");
        assert!(file("/plan.toml", &token).is_none());
    }
}
