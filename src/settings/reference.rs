//! The reference of every setting, as Markdown: what `config/default.toml` says of it, and what its reader accepts.
//! Pure: a text from the compiled-in text. `docs/CONFIGURATION.md` is what comes of it.

use std::fmt::Write as _;

use super::source::{DEFAULTS, SECRETS, USUAL_NAMES, variable};
use super::{Settings, SettingsError};

/// What stands above the tables.
const INTRODUCTION: &str = "\
# Configuration

Every setting, with its default. This file is made from `config/default.toml` and from what the program accepts:
`cargo run --example configuration` writes it again, and a test notices when it is old.

Three layers, each laid over the one before: the defaults, which are compiled in; a TOML file (`callgate serve --config FILE`, for
example `config/production.toml`); the environment. There `section.key` is `CALLGATE__SECTION__KEY`, in any case, and a list is written
with commas. A few settings have a usual name too, which counts where the long one is not set.

- A key that does not exist, and a value that is not accepted, end the process with exit code 2 and one line that names key, value and
  what is accepted.
- Durations are whole seconds. *none* is `\"\"`, or `[]` for a list.
- Secrets are never shown, neither in errors nor in logs.

Two variables are no settings: `RUST_LOG` chooses what is logged (`info`; `callgate=debug` for more), `CALLGATE_NODE` names this process among
its replicas (the host's name and the process id).
";

/// One key of the defaults, with what is written above it.
#[derive(Debug, PartialEq)]
struct Entry {
    key: String,
    default: String,
    meaning: String,
}

/// One table of the defaults.
#[derive(Debug, PartialEq)]
struct Chapter {
    name: String,
    note: String,
    entries: Vec<Entry>,
}

/// The whole reference, as Markdown.
pub fn markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    for chapter in chapters(DEFAULTS) {
        let Chapter { name, note, entries } = chapter;
        // Writing to a text cannot fail.
        let _ = write!(text, "\n## `[{name}]`\n\n{note}\n\n| key, variable | default | accepted | meaning |\n");
        text.push_str("| --- | --- | --- | --- |\n");
        for entry in entries {
            let row = [names(&entry.key), default(&entry), accepted(&entry.key), entry.meaning];
            let _ = writeln!(text, "| {} |", row.map(|cell| cell.replace('|', "\\|")).join(" | "));
        }
    }
    text
}

/// The tables of a TOML text, each with the comment above it and those above its keys.
fn chapters(toml: &str) -> Vec<Chapter> {
    let mut chapters: Vec<Chapter> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in toml.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix('#') {
            comment.push(text.trim());
        } else if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let note = std::mem::take(&mut comment).join(" ");
            chapters.push(Chapter { name: name.to_owned(), note, entries: Vec::new() });
        } else if let Some((name, default)) = line.split_once('=') {
            let meaning = std::mem::take(&mut comment).join(" ");
            if let Some(chapter) = chapters.last_mut() {
                let key = format!("{}.{}", chapter.name, name.trim());
                chapter.entries.push(Entry { key, default: default.trim().to_owned(), meaning });
            }
        } else if chapters.is_empty() {
            // What stands above the first table is about the file.
            comment.clear();
        }
    }
    chapters
}

fn names(key: &str) -> String {
    let usual = USUAL_NAMES.iter().filter(|(_, of)| *of == key).map(|(name, _)| *name);
    let variables = std::iter::once(variable(key)).chain(usual.map(str::to_owned));
    let variables: Vec<_> = variables.map(|name| format!("<br>`{name}`")).collect();
    let secret = if SECRETS.contains(&key) { "<br>*secret*" } else { "" };
    format!("`{key}`{}{secret}", variables.concat())
}

fn default(entry: &Entry) -> String {
    match entry.default.as_str() {
        "\"\"" | "[]" => "none".to_owned(),
        value => format!("`{value}`"),
    }
}

/// What the reader of a key says that it accepts, when it is given nonsense.
fn accepted(key: &str) -> String {
    match Settings::load(None, [(variable(key), "n\u{e9}\u{7} ?".to_owned())]) {
        Err(SettingsError::NotAccepted { accepted, .. }) => accepted,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::source::Layers;
    use super::*;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/CONFIGURATION.md");

    #[test]
    fn the_reference_in_docs_is_what_the_settings_say_today() {
        let written = fs::read_to_string(FILE).unwrap_or_default();
        let current = markdown();
        let difference = current.lines().zip(written.lines()).find(|(now, then)| now != then);
        let length = (current.lines().count(), written.lines().count());
        assert!(
            difference.is_none() && length.0 == length.1,
            "docs/CONFIGURATION.md is old; `cargo run --example configuration` writes it again ({difference:?}, lines {length:?})"
        );
    }

    #[test]
    fn every_key_is_in_the_reference_once_with_what_it_means_and_accepts() {
        let entries: Vec<_> = chapters(DEFAULTS).into_iter().flat_map(|chapter| chapter.entries).collect();
        let mut found: Vec<_> = entries.iter().map(|entry| entry.key.as_str()).collect();
        found.sort_unstable();

        assert_eq!(found, Layers::defaults().expect("the defaults are TOML").keys().collect::<Vec<_>>());
        for entry in &entries {
            assert!(!entry.meaning.is_empty() && !accepted(&entry.key).is_empty(), "{entry:?}");
        }
    }

    #[test]
    fn a_comment_of_several_lines_is_one_text_and_what_stands_above_the_first_table_is_left_out() {
        let text = "# About the file.\n\n# Where it is.\n[place]\n# How wide,\n# in metres.\nwidth = 3\nname = \"\"\n";
        let entry = |key: &str, default: &str, meaning: &str| Entry {
            key: key.to_owned(),
            default: default.to_owned(),
            meaning: meaning.to_owned(),
        };

        let place = Chapter {
            name: "place".to_owned(),
            note: "Where it is.".to_owned(),
            entries: vec![entry("place.width", "3", "How wide, in metres."), entry("place.name", "\"\"", "")],
        };
        assert_eq!(chapters(text), [place]);
    }

    #[test]
    fn a_secret_is_marked_and_a_usual_name_is_told() {
        assert_eq!(
            names("provider.api_key"),
            "`provider.api_key`<br>`CALLGATE__PROVIDER__API_KEY`<br>`ELEVENLABS_API_KEY`<br>*secret*"
        );
    }
}
