//! Programs of functions, each behind a Runtime API of its own, and a gateway before all of them.

use std::collections::HashMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tests::process::kilobytes;
use tokio::net::TcpListener;

use super::runtime_api::{RuntimeApi, gateway};

/// The functions that are asked.
const ASKED: [&str; 5] = ["verify", "login", "tokens", "prekeys", "platform"];

/// The programs of functions, running.
pub struct Functions {
    pub port: u16,
    programs: Vec<(&'static str, Arc<RuntimeApi>, Child)>,
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
            let api = RuntimeApi::new();
            let port = listen(api.router()).await;
            let mut command = Command::new(program(folder, name));
            command
                .env_clear()
                .envs(variables)
                .env("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{port}"))
                .env("AWS_REGION", "eu-west-1")
                .env("AWS_LAMBDA_FUNCTION_NAME", name)
                .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
                .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
                .env("AWS_LAMBDA_LOG_GROUP_NAME", name)
                .env("AWS_LAMBDA_LOG_STREAM_NAME", name)
                .stdin(Stdio::null())
                .stdout(Stdio::null());
            if concurrency > 1 {
                let concurrency = concurrency.to_string();
                command.env("AWS_LAMBDA_MAX_CONCURRENCY", &concurrency);
                command.env("DATABASE_POOL", concurrency);
            }
            programs.push((name, api, command.spawn().expect("the function starts")));
        }
        let apis = programs.iter().map(|(name, api, _)| (*name, api.clone())).collect();
        Self { port: listen(gateway(&apis)).await, programs }
    }

    /// CPU time that all of them have used. A thread that has ended is not counted.
    pub fn cpu(&self) -> Duration {
        self.programs.iter().map(|(_, _, child)| cpu(child.id())).sum()
    }

    pub fn take_durations(&self) -> Vec<Duration> {
        self.programs.iter().flat_map(|(_, api, _)| api.take_durations()).collect()
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

async fn listen(router: axum::Router) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let peer = local::service::set_client_connection;
    tokio::spawn(local::gateway::serve(listener, router, peer, std::future::pending()));
    port
}

fn program(folder: &Path, name: &str) -> PathBuf {
    let inside = folder.join(name).join("bootstrap");
    if inside.is_file() { inside } else { folder.join(name) }
}

/// CPU time of a process: Linux counts it in nanoseconds for each thread.
fn cpu(process: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{process}/task")).expect("a running process");
    let times = threads.flatten().filter_map(|thread| {
        let line = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        line.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(times.sum())
}
