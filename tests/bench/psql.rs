//! The statement that hands bundles out, without the service: in one session of `psql`,
//! which tells the time of each, else through a bare connection. And what Postgres says
//! that it took of that.

use shared::store::statements;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, SimpleQueryMessage};
use uuid::Uuid;

use crate::directory::Directory;
use crate::figures::Sample;

/// Of so many statements one is explained.
const EXPLAINED: usize = 4;

pub struct Psql {
    url: String,
    program: Option<PathBuf>,
    client: Client,
}

impl Psql {
    pub async fn find(database_url: &str) -> Self {
        let client = tests::stores::connect(database_url).await;
        Self {
            url: database_url.to_owned(),
            program: tests::stores::postgres_program("psql"),
            client,
        }
    }

    /// What measures.
    pub fn name(&self) -> &'static str {
        if self.program.is_some() { "psql" } else { "a bare connection (there is no psql)" }
    }

    /// The bundles of one device, and of all of a user, that often each; the stock is full.
    pub async fn round(&self, directory: &Directory, times: usize) -> Vec<(&'static str, Sample)> {
        let one = |n| {
            let (user, device) = directory.device(n);
            statement(user, Some(device))
        };
        let six = |n| statement(directory.owner(n).user, None);
        let one: Vec<String> = (0..times).map(one).collect();
        let six: Vec<String> = (0..times).map(six).collect();
        let mut samples = Vec::new();
        for (statements, [client, planning, execution]) in [
            (one, ["psql_bundle", "planning_bundle", "execution_bundle"]),
            (six, ["psql_bundles", "planning_bundles", "execution_bundles"]),
        ] {
            samples.push((client, sample(self.times(&statements).await)));
            let explained = self.explain(&statements[..times.div_ceil(EXPLAINED)]).await;
            let (planned, executed) = explained.into_iter().unzip();
            samples.extend([(planning, sample(planned)), (execution, sample(executed))]);
        }
        samples
    }

    async fn times(&self, statements: &[String]) -> Vec<Duration> {
        if let Some(program) = &self.program {
            let times = session(program, &self.url, statements);
            assert_eq!(times.len(), statements.len(), "psql tells a time for each");
            return times;
        }
        let mut times = Vec::with_capacity(statements.len());
        for statement in statements {
            let asked = Instant::now();
            self.client.simple_query(statement).await.expect("bundles");
            times.push(asked.elapsed());
        }
        times
    }

    /// Planning and execution, as Postgres tells them.
    async fn explain(&self, statements: &[String]) -> Vec<(Duration, Duration)> {
        let mut times = Vec::with_capacity(statements.len());
        for statement in statements {
            let sql = format!("EXPLAIN (ANALYZE, TIMING OFF) {statement}");
            let lines = self.client.simple_query(&sql).await.expect("a plan");
            let told = |what: &str| {
                let mut texts = lines.iter().filter_map(|line| match line {
                    SimpleQueryMessage::Row(row) => row.get(0),
                    _ => None,
                });
                texts.find_map(|text| milliseconds(text, what)).expect("a time")
            };
            times.push((told("Planning Time:"), told("Execution Time:")));
        }
        times
    }
}

/// All statements in one session.
fn session(program: &PathBuf, url: &str, statements: &[String]) -> Vec<Duration> {
    let mut child = Command::new(program)
        .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("psql runs");
    let script = format!("\\timing on\n\\o /dev/null\n{};\n", statements.join(";\n"));
    let mut input = child.stdin.take().expect("a pipe");
    let writing = thread::spawn(move || input.write_all(script.as_bytes()));
    let output = child.wait_with_output().expect("psql ends");
    writing.join().expect("a thread").expect("psql reads");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter_map(|line| milliseconds(line, "Time:")).collect()
}

/// `Time: 1.234 ms`
fn milliseconds(line: &str, what: &str) -> Option<Duration> {
    let figure: f64 = line.trim().strip_prefix(what)?.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_secs_f64(figure / 1e3))
}

/// The service's own text, its parameters written in.
fn statement(user: Uuid, device: Option<Uuid>) -> String {
    let name = if device.is_some() { "take_device_bundle" } else { "take_bundles" };
    let statements = statements();
    let taking = statements.iter().find(|statement| statement.name() == name);
    let taking = taking.expect("the statement that hands bundles out");
    // Fewer than ten parameters: no number is the start of another.
    taking.types().iter().enumerate().fold(taking.sql().to_owned(), |sql, (index, (name, of))| {
        let value = match *name {
            "user" => format!("'{user}'"),
            "device" => format!("'{}'", device.unwrap_or_default()),
            "users" => format!("'{{{user}}}'"),
            "one_time" if *of == Type::BOOL => "true".to_owned(),
            "one_time" => "'{true}'".to_owned(),
            // Nobody's: who asks for all devices of another user has none among them.
            "left_out" => format!("'{}'", Uuid::nil()),
            "dead_before" => "timestamptz 'epoch'".to_owned(),
            "now" => "now()".to_owned(),
            "timestamp" => "0".to_owned(),
            other => panic!("no value for {other}"),
        };
        sql.replace(&format!("${}", index + 1), &value)
    })
}

fn sample(latencies: Vec<Duration>) -> Sample {
    Sample { latencies, ..Sample::default() }
}
