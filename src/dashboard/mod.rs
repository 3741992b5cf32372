//! The operator's page: its files as they were compiled in, each with the media type and the tag that it is served under.
//! Nothing is built, and nothing is fetched from elsewhere. Who may see figures is decided by the routes that have them.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// One file of the page.
#[derive(Debug)]
pub struct Asset {
    /// Its path below the folder of the page.
    pub path: &'static str,
    /// What it is.
    pub media_type: &'static str,
    /// The file itself.
    pub bytes: &'static [u8],
    /// A strong entity tag (RFC 9110, 8.8.3): a hash of the bytes, in quotes.
    pub etag: String,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const TEXT: &str = "text/plain; charset=utf-8";

/// Names each file once: its media type and its path.
macro_rules! files {
    ($($media_type:ident $path:literal),+ $(,)?) => {
        &[$(($path, $media_type, include_bytes!(concat!("page/", $path)))),+]
    };
}

type File = (&'static str, &'static str, &'static [u8]);

const FILES: &[File] = files![
    HTML "index.html",
    SVG "icon.svg",
    CSS "styles/tokens.css",
    CSS "styles/base.css",
    CSS "styles/parts.css",
    CSS "styles/shell.css",
    CSS "styles/overview.css",
    CSS "styles/call.css",
    SCRIPT "app.js",
    SCRIPT "clock.js",
    SCRIPT "element.js",
    SCRIPT "gate.js",
    SCRIPT "key.js",
    SCRIPT "names.js",
    SCRIPT "reread.js",
    SCRIPT "shell.js",
    SCRIPT "stream.js",
    SCRIPT "theme.js",
    SCRIPT "words.js",
    SCRIPT "parts/action.js",
    SCRIPT "parts/card.js",
    SCRIPT "parts/chip.js",
    SCRIPT "parts/dialog.js",
    SCRIPT "parts/field.js",
    SCRIPT "parts/icon.js",
    SCRIPT "parts/meter.js",
    SCRIPT "parts/toast.js",
    SCRIPT "overview/actors.js",
    SCRIPT "overview/calls.js",
    SCRIPT "overview/capacity.js",
    SCRIPT "overview/feed.js",
    SCRIPT "overview/history.js",
    SCRIPT "overview/page.js",
    SCRIPT "overview/shares.js",
    SCRIPT "overview/sweep.js",
    SCRIPT "overview/tiles.js",
    SCRIPT "call/ending.js",
    SCRIPT "call/known.js",
    SCRIPT "call/page.js",
    SCRIPT "call/sentences.js",
    SCRIPT "call/states.js",
    SCRIPT "call/timeline.js",
    SCRIPT "vendor/uplot/uPlot.iife.min.js",
    CSS "vendor/uplot/uPlot.min.css",
    TEXT "vendor/uplot/LICENSE",
];

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let asset = |&(path, media_type, bytes): &File| {
        let etag = format!("\"{}\"", hex::encode(&Sha256::digest(bytes)[..16]));
        Asset { path, media_type, bytes, etag }
    };
    FILES.iter().map(asset).collect()
});

/// The page itself.
pub fn page() -> &'static Asset {
    &ASSETS[0]
}

/// The file of that path, if the page has one.
pub fn asset(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    fn files_below(folder: &Path) -> Vec<PathBuf> {
        let entries =
            std::fs::read_dir(folder).expect("the folder of the page").map(|entry| entry.expect("a file").path());
        entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn every_file_of_the_page_is_served() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dashboard/page");
        let below = |path: PathBuf| path.strip_prefix(&folder).expect("it is below the folder").display().to_string();
        let is_served = |path: &PathBuf| path.extension().is_none_or(|kind| kind != "md");
        let there: BTreeSet<_> = files_below(&folder).into_iter().filter(is_served).map(below).collect();
        let served: BTreeSet<_> = ASSETS.iter().map(|asset| asset.path.to_owned()).collect();
        assert_eq!(served, there);
        assert_eq!(page().path, "index.html");
    }

    #[test]
    fn files_of_other_contents_have_other_tags() {
        let tags: BTreeSet<_> = ASSETS.iter().map(|asset| &asset.etag).collect();
        assert_eq!(tags.len(), ASSETS.len());
        assert!(tags.iter().all(|tag| tag.starts_with('"') && tag.ends_with('"')));
    }

    #[test]
    fn scripts_name_only_files_of_the_page() {
        for asset in ASSETS.iter().filter(|asset| asset.media_type == SCRIPT && !asset.path.starts_with("vendor/")) {
            let text = std::str::from_utf8(asset.bytes).expect("a script is text");
            let folder = Path::new(asset.path).parent().expect("a path of a file");
            for name in text.lines().filter_map(|line| line.strip_prefix("import ")?.split('"').nth(1)) {
                let mut path = PathBuf::new();
                for part in folder.join(name).components() {
                    match part {
                        std::path::Component::ParentDir => assert!(path.pop(), "{name} leaves the page"),
                        std::path::Component::Normal(part) => path.push(part),
                        _ => {}
                    }
                }
                assert!(super::asset(&path.display().to_string()).is_some(), "{} imports {name}", asset.path);
            }
        }
    }
}
