//! A cluster of several nodes that a test starts for itself, by `scripts/cluster`.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::task::JoinHandle;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/cluster");

/// Waits for the end of the test's process or of its cluster, whatever ends it, and stops the cluster. It is told on its
/// input if the folder is of no more use.
const WATCHDOG: &str = r#"read -r passed; exec "$0" stop --dir "$1" ${passed:+--delete}"#;

/// Nodes of a test's own; stopped when this is dropped, and also when the test panics, is interrupted or killed.
pub struct RealCluster {
    /// Contact points, that of node 1 first.
    pub hosts: Vec<String>,
    folder: PathBuf,
    watchdog: Child,
    /// Two clusters at once would be too much for a small machine.
    _turn: MutexGuard<'static, ()>,
}

impl RealCluster {
    /// `options` are those of `scripts/cluster start`.
    pub async fn start(options: &[&str]) -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("cluster-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, SCRIPT])
            .arg(&folder)
            .stdin(Stdio::piped())
            .process_group(0) // Ctrl-C must not reach it
            .spawn()
            .unwrap();
        let mut this = Self { hosts: Vec::new(), folder, watchdog, _turn: turn };
        // Most of what a node does in so short a life is to start.
        let quick = ["start", "--any-address", "--heap", "512M", "--jvm=-XX:TieredStopAtLevel=1"];
        let hosts = this.run(&[&quick[..], options].concat()).await.unwrap();
        this.hosts = hosts.trim().split(',').map(str::to_owned).collect();
        this
    }

    /// Runs a command of `scripts/cluster`, from now on, and gives what it prints.
    pub fn run(&self, words: &[&str]) -> JoinHandle<String> {
        let mut command = Command::new(SCRIPT);
        command.arg(words[0]).arg("--dir").arg(&self.folder).args(&words[1..]).stderr(Stdio::inherit());
        tokio::task::spawn_blocking(move || {
            let output = command.output().unwrap();
            assert!(output.status.success(), "{command:?}");
            String::from_utf8(output.stdout).unwrap()
        })
    }
}

impl Drop for RealCluster {
    fn drop(&mut self) {
        let mut passed = self.watchdog.stdin.take().unwrap();
        if thread::panicking() {
            eprintln!("the logs of the nodes are in {}", self.folder.display());
        } else {
            passed.write_all(b"passed\n").unwrap();
        }
        drop(passed);
        let stopped = self.watchdog.wait().unwrap();
        assert!(stopped.success() || thread::panicking(), "the cluster in {} was not stopped", self.folder.display());
    }
}
