//! What text and pictures cost a model.

use serde::{Deserialize, Serialize};

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

/// What a set of pictures costs, by model family: family name to tokens.
pub type ImageTokens = std::collections::BTreeMap<String, u64>;
