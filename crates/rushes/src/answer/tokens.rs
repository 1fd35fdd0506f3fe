//! What text and pictures cost a model.

use serde::{Deserialize, Serialize};
use tiktoken_rs::CoreBPE;

use crate::engine::Rushes;

/// How text is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema, schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Tokenizer {
    /// `o200k_base`, exact for recent GPT models and close for others.
    #[default]
    O200kBase,
    /// `cl100k_base`.
    Cl100kBase,
}

impl Tokenizer {
    /// The name, as requests write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::O200kBase => "o200k_base",
            Self::Cl100kBase => "cl100k_base",
        }
    }

    /// Tokens of `text`, exactly. Words that look like control tokens (`<|endoftext|>`) count as
    /// the plain text they are. The first call of a process builds the tokenizer's tables.
    pub fn count(self, text: &str) -> usize {
        self.tables().count_ordinary(text)
    }

    fn tables(self) -> &'static CoreBPE {
        match self {
            Self::O200kBase => tiktoken_rs::o200k_base_singleton(),
            Self::Cl100kBase => tiktoken_rs::cl100k_base_singleton(),
        }
    }
}

impl Rushes {
    /// Builds beside the caller what the first context would otherwise wait for: the tables of the
    /// usual tokenizer, and what was read most before the last shutdown, from the disk cache. For
    /// processes that stay; it ends by itself.
    pub fn warm(&self) {
        self.warm_from_record();
        tokio::task::spawn_blocking(|| Tokenizer::default().tables());
    }
}

/// What a set of pictures costs, by model family: family name to tokens.
pub type ImageTokens = std::collections::BTreeMap<String, u64>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_the_published_tokenizers() {
        // From the tokenizers' own cookbook examples.
        assert_eq!(Tokenizer::O200kBase.count("tiktoken is great!"), 6);
        assert_eq!(Tokenizer::Cl100kBase.count("tiktoken is great!"), 6);
        assert_eq!(Tokenizer::O200kBase.count("お誕生日おめでとう"), 8);
        assert_eq!(Tokenizer::Cl100kBase.count("お誕生日おめでとう"), 9);
        assert_eq!(Tokenizer::O200kBase.count(""), 0);
    }

    #[test]
    fn control_tokens_in_a_text_are_only_text() {
        assert!(Tokenizer::O200kBase.count("<|endoftext|>") > 1);
    }

    #[test]
    fn names_are_those_of_the_requests() {
        for tokenizer in [Tokenizer::O200kBase, Tokenizer::Cl100kBase] {
            assert_eq!(serde_json::to_value(tokenizer).unwrap(), tokenizer.name());
        }
    }
}
