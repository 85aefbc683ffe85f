//! Programs of functions, each behind a Runtime API of its own, and a gateway before all of them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tests::process::{cpu_time, kilobytes};
use tests::runtime_api::RuntimeApi;
use tests::service::listen;

use super::gateway::{Backend, gateway};

/// The functions that are asked.
const ASKED: [&str; 5] = ["verify", "login", "tokens", "prekeys", "platform"];

/// The programs of functions, running.
pub struct Functions {
    pub port: u16,
    programs: Vec<(&'static str, Arc<Backend>, Child)>,
}

impl Functions {
    /// Starts them; each takes so many events at a time.
    pub async fn start(
        folder: &Path,
        variables: &HashMap<String, String>,
        concurrency: usize,
    ) -> Self {
        let mut programs = Vec::new();
        for name in ASKED {
            let api = RuntimeApi::start().await;
            let mut command = Command::new(program(folder, name));
            command
                .env_clear()
                .envs(variables)
                .envs(api.variables(name))
                .env("AWS_REGION", "eu-west-1")
                .stdin(Stdio::null())
                .stdout(Stdio::null());
            if concurrency > 1 {
                let concurrency = concurrency.to_string();
                command.env("AWS_LAMBDA_MAX_CONCURRENCY", &concurrency);
                command.env("DATABASE_POOL", concurrency);
            }
            let child = command.spawn().expect("the function starts");
            programs.push((name, Arc::new(Backend::new(api)), child));
        }
        let backends = programs.iter().map(|(name, one, _)| (*name, one.clone())).collect();
        let url = listen(gateway(&backends)).await;
        let port = url.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        Self { port: port.expect("a port"), programs }
    }

    /// CPU time that all of them have used. A thread that has ended is not counted.
    pub fn cpu(&self) -> Duration {
        self.programs.iter().map(|(_, _, child)| cpu(child.id())).sum()
    }

    pub fn take_durations(&self) -> Vec<Duration> {
        self.programs.iter().flat_map(|(_, one, _)| one.take_durations()).collect()
    }

    /// Kilobytes that each has held at most.
    pub fn peak_memory(&self) -> Vec<(&'static str, Option<u64>)> {
        let peak = |child: &Child| kilobytes(&child.id().to_string(), "VmHWM");
        self.programs.iter().map(|(name, _, child)| (*name, peak(child))).collect()
    }
}

impl Drop for Functions {
    fn drop(&mut self) {
        for (_, _, child) in &mut self.programs {
            // One that has ended by itself needs no signal.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn program(folder: &Path, name: &str) -> PathBuf {
    let inside = folder.join(name).join("bootstrap");
    if inside.is_file() { inside } else { folder.join(name) }
}

/// CPU time of all threads of a process.
fn cpu(process: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("a running process");
    threads.flatten().filter_map(|thread| cpu_time(&thread.path())).sum()
}
