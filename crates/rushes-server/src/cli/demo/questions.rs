//! What the demo asks. `{ref}` stands for the reference that an earlier answer gave.

use serde_json::{Value, json};

/// How a question travels.
pub(super) enum Road {
    /// `GET` of a path.
    Get(&'static str),
    /// `POST` of a JSON body to a path.
    Post(&'static str, fn() -> Value),
    /// A call of an MCP tool.
    Tool(&'static str, fn() -> Value),
}

impl Road {
    pub(super) fn name(&self) -> String {
        match self {
            Self::Get(path) => format!("GET {path}"),
            Self::Post(path, _) => format!("POST {path}"),
            Self::Tool(name, arguments) => format!("MCP {name} {}", arguments()),
        }
    }
}

/// A question in an agent's words, and on its road.
pub(super) struct Question {
    pub(super) words: &'static str,
    pub(super) road: Road,
}

const fn ask(words: &'static str, road: Road) -> Question {
    Question { words, road }
}

/// A dozen questions, cheapest first, as an agent would go about it.
pub(super) const QUESTIONS: &[Question] = &[
    ask("Which videos are there?", Road::Tool("list_videos", || json!({}))),
    ask(
        "Where does anybody speak of negotiations?",
        Road::Tool("search", || json!({ "text": "negotiations", "kinds": ["transcript"] })),
    ),
    ask("What is that reference?", Road::Get("/v1/cite/{ref}")),
    ask(
        "What is going on around second 4 of the speech, in 200 tokens?",
        Road::Get("/v1/videos/obama_speech.mp4/context?at=4&budget=200"),
    ),
    ask(
        "What is said between 2 and 8 seconds?",
        Road::Get("/v1/videos/obama_speech.mp4/entries?kind=transcript&from=2&to=8"),
    ),
    ask("Where can a rabbit be seen?", Road::Get("/v1/search?text=rabbit&kind=caption&limit=3")),
    ask("Where was a hand detected?", Road::Get("/v1/search?label=hand&limit=3")),
    ask(
        "Does somebody speak in the clip of the tree?",
        Road::Get("/v1/videos/tree.avi/entries?kind=transcript"),
    ),
    ask(
        "Show the frame on screen at 24.04 s of it.",
        Road::Get("/v1/videos/tree.avi/frame?at=24.04&width=overview"),
    ),
    ask(
        "Show the rabbit clip at a glance.",
        Road::Tool("sheet", || json!({ "video": "bigbuckbunny.mp4", "cell": 256 })),
    ),
    ask(
        "Look closely at how the cup is tilted: 4 native frames within 0.4 s.",
        Road::Tool(
            "burst",
            || json!({ "video": "cup.mp4", "from": 1.5, "to": 1.9, "count": 4, "width": "overview" }),
        ),
    ),
    ask(
        "Cut out the moment with the hand as a file.",
        Road::Get("/v1/videos/tree.avi/clip?from=23&to=26"),
    ),
    ask(
        "Remember what was found.",
        Road::Post(
            "/v1/videos/tree.avi/memory",
            || json!({ "role": "assistant", "content": "A hand passes in front of the tree at 0:23." }),
        ),
    ),
];
