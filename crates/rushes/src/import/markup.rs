//! The words of a cue without its markup: tags, styling of other formats, HTML entities.

/// The words of a cue.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Plain {
    /// Its lines, trimmed, none of them empty.
    pub(super) lines: Vec<String>,
    /// Who speaks, when one voice is named.
    pub(super) speaker: Option<String>,
    /// Whether single words carry times.
    pub(super) timed: bool,
}

/// The tags that SubRip files carry; anything else in angle brackets is text there.
const TAGS: [&str; 14] =
    ["b", "i", "u", "s", "c", "v", "em", "strong", "font", "span", "lang", "ruby", "rt", "p"];

/// Takes the markup out of `text`. Of several voices each is written before its words.
pub(super) fn plain(text: &str, all_tags: bool) -> Plain {
    let mut reader = Reader { all_tags, ..Reader::default() };
    reader.read(text);
    let voices = reader.voices;
    let one = voices.first().filter(|first| voices.iter().all(|voice| voice.1 == first.1));
    let speaker = one.map(|(_, name)| name.clone());
    let mut words = reader.words;
    if speaker.is_none() {
        for (at, name) in voices.iter().rev() {
            words.insert_str(*at, &format!("{name}: "));
        }
    }
    let words = html_escape::decode_html_entities(&words);
    let lines = words.lines().map(str::trim).filter(|line| !line.is_empty());
    Plain { lines: lines.map(str::to_owned).collect(), speaker, timed: reader.timed }
}

#[derive(Default)]
struct Reader {
    all_tags: bool,
    words: String,
    /// Where in `words` a named voice begins.
    voices: Vec<(usize, String)>,
    timed: bool,
}

impl Reader {
    fn read(&mut self, mut text: &str) {
        while let Some(at) = text.find(['<', '{']) {
            let (before, marked) = text.split_at(at);
            self.words.push_str(before);
            text = self.mark(marked).unwrap_or_else(|| {
                let (sign, rest) = marked.split_at(1);
                self.words.push_str(sign);
                rest
            });
        }
        self.words.push_str(text);
    }

    /// Takes one tag off the start of `text`; `None` when there is none.
    fn mark<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        if let Some(styling) = text.strip_prefix("{\\") {
            return styling.split_once('}').map(|(_, rest)| rest);
        }
        let (tag, rest) = text.strip_prefix('<')?.split_once('>')?;
        let name = tag.strip_prefix('/').unwrap_or(tag);
        let name = name.split([' ', '\t', '\n', '.']).next().unwrap_or_default();
        if is_time(tag) {
            self.timed = true;
        } else if name.eq_ignore_ascii_case("br") || name.eq_ignore_ascii_case("br/") {
            self.words.push('\n');
        } else if !self.is_tag(name) {
            return None;
        } else if name == "v" && !tag.starts_with('/') {
            self.voice(tag);
        }
        Some(rest)
    }

    fn is_tag(&self, name: &str) -> bool {
        let letters = name.starts_with(|first: char| first.is_ascii_alphabetic());
        letters && (self.all_tags || TAGS.iter().any(|tag| tag.eq_ignore_ascii_case(name)))
    }

    fn voice(&mut self, tag: &str) {
        let name = tag.split_once([' ', '\t', '\n']).map(|(_, name)| name.trim());
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            let name = html_escape::decode_html_entities(name).into_owned();
            self.voices.push((self.words.len(), name));
        }
    }
}

fn is_time(tag: &str) -> bool {
    tag.contains(':') && tag.bytes().all(|byte| byte.is_ascii_digit() || b":.,".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        plain(text, false).lines.join("|")
    }

    #[test]
    fn tags_styling_and_entities_go_and_words_stay() {
        assert_eq!(words("<i>Yes</i>, <font color=\"red\">red</font>{\\an8}"), "Yes, red");
        assert_eq!(words("a &lt;video&gt; &amp; caf&eacute; &#39;x&#39;"), "a <video> & café 'x'");
        assert_eq!(words("I <3 you, 1 < 2 > 0, {braces}"), "I <3 you, 1 < 2 > 0, {braces}");
        assert_eq!(words("one<br>two<br />three"), "one|two|three");
    }

    #[test]
    fn only_subrip_keeps_unknown_tags() {
        assert_eq!(words("<ggg>kept</ggg>"), "<ggg>kept</ggg>");
        assert_eq!(plain("<ggg>gone</ggg>", true).lines, ["gone"]);
    }

    #[test]
    fn a_voice_is_the_speaker_and_several_are_written_before_their_words() {
        let one = plain("<v.loud Mary>That's awesome!", true);
        assert_eq!(
            (one.speaker.as_deref(), one.lines),
            (Some("Mary"), vec!["That's awesome!".to_owned()])
        );
        let two = plain("<v Ann>Hi.</v>\n<v Bob>Oh!</v>", true);
        assert_eq!(
            (two.speaker, two.lines),
            (None, vec!["Ann: Hi.".to_owned(), "Bob: Oh!".to_owned()])
        );
    }

    #[test]
    fn times_of_single_words_are_noticed_and_go() {
        let timed = plain("this<00:05:04.199><c> will</c>", true);
        assert_eq!((timed.lines, timed.timed), (vec!["this will".to_owned()], true));
    }
}
