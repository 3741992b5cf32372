//! Ends what is left when the tests' own process is gone: a shell that waits for the end of a pipe.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex};

/// Reads `pid N FOLDER` and `folder PATH` until its standard input ends, then ends the processes that still
/// work in their folder, and removes the folders.
const SCRIPT: &str = r#"
pids= folders=
while read -r what first second; do
    case $what in
        pid) pids="$pids $first:$second" ;;
        folder) folders="$folders $first" ;;
    esac
done
for each in $pids; do
    pid=${each%%:*} folder=${each#*:}
    for one in $pid $(ps -o pid= --ppid "$pid" 2>/dev/null); do
        case $(readlink "/proc/$one/cwd") in "$folder"*) kill -9 "$one" ;; esac
    done
done 2>/dev/null
rm -rf $folders
"#;

static GUARD: LazyLock<Mutex<Child>> = LazyLock::new(|| {
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Neither the terminal's Ctrl-C nor the end of the tests' process group ends it.
    std::os::unix::process::CommandExt::process_group(&mut shell, 0);
    Mutex::new(shell.spawn().unwrap())
});

fn tell(line: &str) {
    let mut guard = GUARD.lock().unwrap();
    writeln!(guard.stdin.as_mut().unwrap(), "{line}").unwrap();
}

/// This process works in `folder`, and must not outlive the tests.
pub(crate) fn watch_process(pid: u32, folder: &Path) {
    tell(&format!("pid {pid} {}", folder.display()));
}

/// This folder must not outlive the tests.
pub(crate) fn watch_folder(folder: &Path) {
    tell(&format!("folder {}", folder.display()));
}
