//! Links between the documents lead somewhere.

use std::fs;
use std::path::Path;

use rstest::rstest;

use crate::document::file;
use crate::language::ROOT;

/// Every document, by its path from the root.
fn documents() -> Vec<String> {
    let in_folder = |folder: &str| {
        let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
        entries.map(|entry| format!("{folder}{}", entry.unwrap().file_name().to_str().unwrap())).collect::<Vec<_>>()
    };
    let all = [in_folder(""), in_folder("docs/")].concat();
    all.into_iter().filter(|path| Path::new(path).extension().is_some_and(|extension| extension == "md")).collect()
}

/// Where the links of a text lead, save those to other hosts.
fn targets(text: &str) -> Vec<&str> {
    let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    links.map(|(target, _)| target).filter(|target| !target.contains("://")).collect()
}

/// The name by which a heading is linked to.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
        .collect::<String>()
        .replace(' ', "-")
}

#[test]
fn every_link_leads_to_a_file_and_to_a_heading_that_are_there() {
    let documents = documents();
    assert!(documents.len() > 5, "{documents:?}");
    for document in documents {
        let folder = Path::new(&document).parent().unwrap();
        for target in targets(&file(&document)) {
            let (path, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if path.is_empty() { document.clone() } else { folder.join(path).to_str().unwrap().to_owned() };
            assert!(Path::new(ROOT).join(&path).exists(), "{document} links to {target}, which is not there");
            let there =
                heading.is_empty() || file(&path).lines().any(|line| line.starts_with('#') && anchor(line) == heading);
            assert!(there, "{document} links to {target}, but {path} has no such heading");
        }
    }
}

#[rstest]
#[case("## Use it", "use-it")]
#[case("### No room: 503", "no-room-503")]
#[case("## `[server]`", "server")]
fn a_heading_is_linked_to_by_its_words(#[case] heading: &str, #[case] linked: &str) {
    assert_eq!(anchor(heading), linked);
}
