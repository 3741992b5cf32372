//! A Markdown file, read for its fenced blocks.

use std::fs;
use std::path::Path;

use crate::language::ROOT;

/// A fenced block, with the comment that stands above it.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
    /// What the HTML comment right above it says; none where there is none.
    pub(crate) remark: Option<String>,
    /// Whether it stands between `<!-- runs -->` and `<!-- end of runs -->`.
    pub(crate) runs: bool,
}

/// A file of the repository.
pub(crate) fn file(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The fenced blocks of a document.
pub(crate) fn blocks(path: &str) -> Vec<Block> {
    let text = file(path);
    let mut lines = text.lines();
    let (mut blocks, mut remark, mut runs) = (Vec::new(), None, false);
    while let Some(line) = lines.next() {
        let comment = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->"));
        if let Some(language) = line.strip_prefix("```") {
            let inside: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let (language, text) = (language.to_owned(), inside.join("\n"));
            blocks.push(Block { language, text, remark: remark.take(), runs });
        } else if let Some(comment) = comment {
            runs = match comment {
                "runs" => true,
                "end of runs" => false,
                _ => runs,
            };
            remark = Some(comment.to_owned());
        } else if !line.is_empty() {
            remark = None;
        }
    }
    assert!(!runs, "{path}: a run without an end");
    blocks
}
