//! The secret of an editor's address: only who has it is answered.

use std::fmt::Write;

use super::ServeError;

/// Bytes of randomness in a token: 192 bits.
const BYTES: usize = 24;

/// A secret as hexadecimal text.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A token of the system's randomness.
    ///
    /// # Errors
    /// When the system has none to give.
    pub fn random() -> Result<Self, ServeError> {
        let mut bytes = [0_u8; BYTES];
        getrandom::fill(&mut bytes).map_err(|error| ServeError::Listen {
            reason: format!("no random numbers for a token ({error})"),
        })?;
        Ok(Self::of_bytes(bytes))
    }

    /// The token that these bytes make.
    fn of_bytes(bytes: [u8; BYTES]) -> Self {
        let text = bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap_or_default();
            text
        });
        Self(text)
    }

    /// The text that stands in the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a text is this token; the time that it takes says nothing about how much of it is right.
    pub fn is(&self, text: &str) -> bool {
        // Hashes of blake3 are compared in constant time.
        blake3::hash(self.0.as_bytes()) == blake3::hash(text.as_bytes())
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_only_itself_and_is_not_printed() {
        let token = Token::of_bytes([0xa5; BYTES]);
        assert_eq!(token.as_str(), "a5".repeat(BYTES));
        assert!(token.is(&"a5".repeat(BYTES)));
        for other in ["", "a5", &"a5".repeat(BYTES - 1), &"A5".repeat(BYTES)] {
            assert!(!token.is(other), "{other}");
        }
        assert_eq!(format!("{token:?}"), "Token(…)");
    }

    #[test]
    fn two_random_tokens_differ() {
        let [one, other] = [Token::random().unwrap(), Token::random().unwrap()];
        assert!(!one.is(other.as_str()));
        assert_eq!(one.as_str().len(), 2 * BYTES);
    }
}
