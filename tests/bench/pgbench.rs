//! Bare statements in pgbench: what Postgres uses for them beside what it uses for a request.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use tests::stores::server_cpu;

use crate::arguments::CONNECTIONS;
use crate::figures::{Sample, micros};

/// Times that each connection executes a statement.
const TIMES: usize = 2000;

/// Names, and scripts for pgbench. The table is the one of the bare handlers.
const SCRIPTS: [(&str, &str); 2] = [
    ("pgbench_select", "SELECT 1;\n"),
    (
        "pgbench_update",
        "\\set row random(0, 999)\n\
         UPDATE bench SET n = n + 1 WHERE id = :row AND n >= 0 RETURNING n;\n",
    ),
];

/// pgbench, where it came with Postgres.
pub struct Pgbench {
    program: Option<PathBuf>,
    url: String,
}

impl Pgbench {
    pub fn find(database_url: &str) -> Self {
        let program = tests::stores::postgres_program("pgbench");
        Self { program, url: database_url.to_owned() }
    }

    /// Each script once, by prepared statements, with as many connections as the load has.
    pub fn round(&self) -> Vec<(&'static str, Sample)> {
        let Some(program) = &self.program else { return Vec::new() };
        let sample = |script: &str| {
            let file = std::env::temp_dir().join(format!("bench-{}.sql", std::process::id()));
            std::fs::write(&file, script).expect("a script is written");
            let clients = CONNECTIONS[0].to_string();
            let before = server_cpu().postgres;
            let status = Command::new(program)
                .args(["--no-vacuum", "--protocol=prepared", "--client", &clients])
                .args(["--transactions", &TIMES.to_string(), "--file"])
                .args([file.as_os_str(), self.url.as_ref()])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            assert!(status.expect("pgbench runs").success(), "pgbench fails");
            let used = server_cpu().postgres.saturating_sub(before);
            let _ = std::fs::remove_file(&file);
            Sample { postgres: micros(used, TIMES * CONNECTIONS[0]), ..Sample::default() }
        };
        SCRIPTS.iter().map(|(name, script)| (*name, sample(script))).collect()
    }
}
