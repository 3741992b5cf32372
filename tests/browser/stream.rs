//! How the page cuts a stream into events: its own parser, run by Node.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

#[test]
fn given_a_stream_cut_anywhere_and_with_any_line_ends_then_the_parser_hears_its_events() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = TempDir::new().unwrap();
    // Without a package around them Node takes the page's files for another kind of script.
    fs::write(folder.path().join("package.json"), r#"{"type": "module"}"#).unwrap();
    for file in fs::read_dir(root.join("src/dashboard/page")).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_some_and(|extension| extension == "js") {
            fs::copy(&file, folder.path().join(file.file_name().unwrap())).unwrap();
        }
    }
    let test = folder.path().join("stream.test.js");
    fs::copy(root.join("tests/browser/stream.test.js"), &test).unwrap();
    let output = Command::new("node").arg("--test").arg(&test).current_dir(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}
