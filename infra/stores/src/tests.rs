//! The stores, started for real.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::guard::runs;
use crate::{Options, Postgres, Redis, StoreError};

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Set in the process that [`is_stopped_when_its_owner_is_killed`] kills.
const OWNER: &str = "LOCAL_STORES_OWNER";

fn ask_redis(port: u16, question: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    write!(stream, "{question}\r\nQUIT\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn eventually(mut holds: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !holds() {
        if start.elapsed() > Duration::from_secs(20) {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
    true
}

#[test]
fn redis_is_killed_restarted_and_leaves_nothing() -> Outcome {
    let mut redis = Redis::start(&Options::ephemeral().arguments(["--maxmemory", "64mb"]))?;
    let (folder, first) = (redis.folder().to_owned(), redis.pid());
    assert!(ask_redis(redis.port(), "CONFIG GET maxmemory")?.contains("67108864"));
    assert!(ask_redis(redis.port(), "SELECT 4095")?.starts_with("+OK"));

    redis.kill();
    assert!(!redis.is_running());
    assert!(ask_redis(redis.port(), "PING").is_err());
    redis.restart()?;
    assert_ne!(redis.pid(), first);
    assert!(ask_redis(redis.port(), "PING")?.contains("+PONG"));

    let (second, guard) = (redis.pid(), redis.guard_pid());
    redis.stop();
    assert!(!runs(second, "") && !runs(guard, "") && !folder.exists());
    Ok(())
}

#[test]
fn postgres_is_killed_restarted_and_leaves_nothing() -> Outcome {
    let mut postgres = Postgres::start(&Options::ephemeral())?;
    let (folder, port) = (postgres.folder().to_owned(), postgres.port());
    assert_eq!(
        postgres.url("auth"),
        format!("postgres://postgres@127.0.0.1:{port}/auth?sslmode=disable")
    );
    TcpStream::connect(("127.0.0.1", port))?;

    postgres.kill();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
    postgres.restart()?;
    TcpStream::connect(("127.0.0.1", port))?;

    let (server, guard) = (postgres.pid(), postgres.guard_pid());
    postgres.stop();
    assert!(!runs(server, "") && !runs(guard, "") && !folder.exists());
    Ok(())
}

#[test]
fn a_taken_port_is_an_error_that_names_it() -> Outcome {
    let taken = TcpListener::bind(("127.0.0.1", 0))?;
    let port = taken.local_addr()?.port();
    for refused in [
        Redis::start(&Options::ephemeral().port(port)).err(),
        Postgres::start(&Options::ephemeral().port(port)).err(),
    ] {
        assert!(
            matches!(refused, Some(StoreError::PortTaken { port: named, .. }) if named == port),
            "{refused:?}"
        );
    }
    Ok(())
}

#[test]
fn a_missing_program_is_an_error() {
    let refused = Redis::start(&Options::ephemeral().sources([])).err();
    assert!(matches!(refused, Some(StoreError::Missing { .. })), "{refused:?}");
    assert!("elsewhere".parse::<super::Source>().is_err());
}

#[test]
fn is_stopped_when_its_owner_is_killed() -> Outcome {
    let mut owner = Command::new(std::env::current_exe()?)
        .args(["--exact", "tests::owns_stores_until_killed", "--nocapture"])
        .env(OWNER, "1")
        .stdout(Stdio::piped())
        .spawn()?;
    let output = BufReader::new(owner.stdout.take().ok_or("no output")?);
    let mut owned = Vec::new();
    for line in output.lines() {
        if let Some(line) = line?.strip_prefix("owned ") {
            owned.push(line.to_owned());
        }
        if owned.len() == 2 {
            break;
        }
    }
    owner.kill()?;
    owner.wait()?;
    assert_eq!(owned.len(), 2);
    for line in owned {
        let mut words = line.split(' ');
        let pids: Vec<u32> = words.by_ref().take(2).map(str::parse).collect::<Result<_, _>>()?;
        let folder = PathBuf::from(words.next().ok_or("no folder")?);
        assert!(eventually(|| !folder.exists()), "{line}");
        assert!(eventually(|| pids.iter().all(|pid| !runs(*pid, ""))), "{line}");
    }
    Ok(())
}

/// The process that is killed. As an ordinary test it does nothing.
#[test]
fn owns_stores_until_killed() -> Outcome {
    if std::env::var_os(OWNER).is_none() {
        return Ok(());
    }
    let redis = Redis::start(&Options::ephemeral())?;
    let postgres = Postgres::start(&Options::ephemeral())?;
    let print = |server: u32, guard: u32, folder: &Path| {
        println!("\nowned {server} {guard} {}", folder.display());
    };
    print(redis.pid(), redis.guard_pid(), redis.folder());
    print(postgres.pid(), postgres.guard_pid(), postgres.folder());
    thread::sleep(Duration::from_mins(1));
    Ok(())
}
