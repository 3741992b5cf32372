//! What documents quote of the example clients is what the clients say.

use rstest::rstest;

use crate::document::{blocks, file};

const QUOTING: &str = "docs/INTEGRATING.md";

/// The lines without the indentation that they share.
fn outdented(text: &str) -> Vec<String> {
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let shared = text.lines().filter(|line| !line.trim().is_empty()).map(|line| indent(&line)).min().unwrap_or(0);
    text.lines().map(|line| line.get(shared..).unwrap_or_default().to_owned()).collect()
}

fn has(source: &str, quotation: &str) -> bool {
    let quoted = outdented(quotation);
    let lines: Vec<&str> = source.lines().collect();
    lines.windows(quoted.len()).any(|window| outdented(&window.join("\n")) == quoted)
}

#[test]
fn every_quotation_is_in_the_file_that_it_names() {
    let mut quotations = 0;
    for block in blocks(QUOTING) {
        let Some(path) = block.remark.as_deref().and_then(|remark| remark.strip_prefix("from ")) else { continue };
        quotations += 1;
        assert!(
            has(&file(path), &block.text),
            "{QUOTING} quotes of {path} what is not there (any more):\n{}",
            block.text
        );
    }
    assert!(quotations >= 4, "{quotations} quotations; a document without any shows nothing");
}

#[test]
fn code_that_is_quoted_in_a_document_says_where_it_is_from() {
    for block in blocks(QUOTING) {
        if ["ts", "typescript", "python"].contains(&block.language.as_str()) {
            let from = block.remark.as_deref().is_some_and(|remark| remark.starts_with("from "));
            assert!(from, "{QUOTING} shows code that no test runs:\n{}", block.text);
        }
    }
}

#[rstest]
#[case::the_same("  one\n\n    two\n", "one\n\n  two", true)]
#[case::a_part("one\ntwo\nthree\n", "two", true)]
#[case::a_line_left_out("one\ntwo\nthree\n", "one\nthree", false)]
#[case::another_indentation("one\n  two\n", "one\n    two", false)]
fn a_quotation_may_only_be_indented_otherwise(#[case] source: &str, #[case] quotation: &str, #[case] has_it: bool) {
    assert_eq!(has(source, quotation), has_it);
}
