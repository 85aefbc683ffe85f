//! The runner of migrations: its locks, repeats, modes and refusals, and what the migrated
//! database must hold for deletions to be cheap.

mod released;
mod under_load;

use migrations::{MigrationError, Runner};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tests::stores::{Stores, connect, empty_database};

/// An empty database, and an empty folder of migrations that is removed at the end.
struct Trial {
    url: String,
    runner: Runner,
}

impl Trial {
    async fn new() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(1);
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        let url = empty_database().await;
        // One that is there stays.
        migrations::create_database(&url).await.expect("a database");
        Self { url, runner: Runner::new(temporary_folder("trial", number)) }
    }

    /// Writes a migration.
    fn add(&self, name: &str, up: &str, down: &str) -> [PathBuf; 2] {
        let files = self.runner.create(name).expect("two files");
        for (file, text) in files.iter().zip([up, down]) {
            fs::write(file, text).expect("a file");
        }
        files
    }

    async fn run(&self) -> Result<usize, MigrationError> {
        self.runner.run(&self.url).await.map(|applied| applied.len())
    }

    async fn count(&self, query: &str) -> i64 {
        connect(&self.url).await.query_one(query, &[]).await.expect("a count").get(0)
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.runner.folder);
    }
}

fn temporary_folder(name: &str, number: u16) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("auth-{name}-{}-{number}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

const TABLE: &str = "CREATE TABLE public.numbers (id bigint PRIMARY KEY, value bigint);
    INSERT INTO public.numbers (id) SELECT generate_series(1, 2500);";

/// A run that waited in `pg_advisory_lock` would hold a snapshot, and CREATE INDEX
/// CONCURRENTLY in the other run would wait for it until Postgres ended the deadlock.
#[tokio::test]
async fn concurrent_runs_apply_once_and_revert_restores() {
    let trial = Trial::new().await;
    let [up, down] = trial.add("first", TABLE, "DROP TABLE public.numbers;");
    assert!(up.ends_with("V0001__first.sql") && down.ends_with("V0001__first.down.sql"));
    let index = "CREATE INDEX CONCURRENTLY IF NOT EXISTS by_value ON public.numbers (value)";
    let [_, down] = trial.add(
        "second",
        &format!("-- no-transaction\n{index};"),
        "-- no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS public.by_value;",
    );
    assert!(matches!(trial.runner.create("No name"), Err(MigrationError::Name(_))));

    let pending = trial.runner.status(&trial.url).await.unwrap();
    assert!(pending.len() == 2 && pending.iter().all(|one| one.applied_on.is_none()));
    let (one, two, three) = tokio::join!(trial.run(), trial.run(), trial.run());
    assert_eq!(one.unwrap() + two.unwrap() + three.unwrap(), 2);
    let done = trial.runner.status(&trial.url).await.unwrap();
    assert!(done.len() == 2 && done.iter().all(|one| one.applied_on.is_some()));

    // A revert that fails changes nothing.
    let good = fs::read_to_string(&down).unwrap();
    fs::write(&down, "DROP INDEX public.by_value; DROP TABLE public.none;").unwrap();
    let refused = trial.runner.revert(&trial.url).await.unwrap_err();
    assert!(refused.to_string().contains("none"), "{refused}");
    let indexes = "SELECT count(*) FROM pg_indexes WHERE indexname = 'by_value'";
    assert_eq!(trial.count(indexes).await, 1);
    fs::write(&down, good).unwrap();
    for name in [Some("second"), Some("first"), None] {
        let reverted = trial.runner.revert(&trial.url).await.unwrap();
        assert_eq!(reverted.map(|one| one.name).as_deref(), name);
    }
    assert_eq!(trial.count(indexes).await, 0);
    assert_eq!(trial.run().await.unwrap(), 2);
}

#[tokio::test]
async fn a_history_that_does_not_fit_the_files_is_refused() {
    let trial = Trial::new().await;
    let [first, _] = trial.add("first", TABLE, "");
    trial.add("second", "SELECT 1", "");
    assert_eq!(trial.run().await.unwrap(), 2);
    fs::write(&first, format!("{TABLE} ")).unwrap();
    let error = trial.run().await.unwrap_err();
    assert!(matches!(&error, MigrationError::Edited(name) if name == "V0001__first"), "{error}");

    fs::remove_file(&first).unwrap();
    let error = trial.run().await.unwrap_err();
    assert!(matches!(&error, MigrationError::Missing(name) if name == "V0001__first"), "{error}");

    connect(&trial.url)
        .await
        .batch_execute("DELETE FROM public.schema_migrations WHERE version = 1")
        .await
        .unwrap();
    fs::write(&first, TABLE).unwrap();
    let error = trial.run().await.unwrap_err();
    assert!(matches!(error, MigrationError::OutOfOrder(_)), "{error}");
    fs::write(first.with_file_name("V0002__third.sql"), "SELECT 1").unwrap();
    let error = trial.run().await.unwrap_err();
    assert!(matches!(error, MigrationError::Invalid { .. }), "{error}");
}

#[tokio::test]
async fn a_lock_is_waited_for_in_short_attempts_that_are_bounded() {
    let mut trial = Trial::new().await;
    trial.add("first", TABLE, "");
    assert_eq!(trial.run().await.unwrap(), 1);
    trial.add("second", "ALTER TABLE public.numbers ADD COLUMN more text;", "");
    trial.runner.settings.lock_timeout = Duration::from_millis(50);
    trial.runner.settings.pause = Duration::from_millis(20);
    trial.runner.settings.attempts = 3;

    let other = connect(&trial.url).await;
    other.batch_execute("BEGIN; SELECT FROM public.numbers LIMIT 1;").await.unwrap();
    let error = trial.run().await.unwrap_err();
    assert!(matches!(error, MigrationError::Locked { attempts: 3, .. }), "{error}");
    // The failed run holds nothing: neither the lock between runs nor one on the table.
    trial.runner.settings.attempts = 100;
    let release = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        other.batch_execute("COMMIT").await.unwrap();
    };
    let (applied, ()) = tokio::join!(trial.run(), release);
    assert_eq!(applied.unwrap(), 1);
}

#[tokio::test]
async fn a_statement_that_holds_its_locks_for_long_is_cancelled() {
    let mut trial = Trial::new().await;
    trial.add("first", &format!("{TABLE} SELECT pg_sleep(20);"), "");
    trial.runner.settings.statement_timeout = Duration::from_millis(200);
    let error = trial.run().await.unwrap_err();
    assert!(matches!(error, MigrationError::Slow { .. }), "{error}");
    assert_eq!(trial.count("SELECT count(*) FROM public.schema_migrations").await, 0);
    assert_eq!(trial.count("SELECT count(*) FROM pg_tables WHERE tablename = 'numbers'").await, 0);
}

#[tokio::test]
async fn an_invalid_index_is_dropped_before_it_is_built_again() {
    let trial = Trial::new().await;
    trial.add("first", &format!("{TABLE} UPDATE public.numbers SET value = id % 2000;"), "");
    let index =
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"By value\" ON public.numbers (value)";
    trial.add("second", &format!("-- no-transaction\n{index};"), "");
    let valid =
        "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('public.\"By value\"')
                    AND indisvalid";
    let error = trial.run().await.unwrap_err();
    assert!(error.to_string().contains("By value"), "{error}");
    assert_eq!(trial.count("SELECT count(*) FROM public.schema_migrations").await, 1);
    assert_eq!(trial.count("SELECT count(*) FROM pg_index WHERE NOT indisvalid").await, 1);

    connect(&trial.url).await.batch_execute("UPDATE public.numbers SET value = id").await.unwrap();
    assert_eq!(trial.run().await.unwrap(), 1);
    assert_eq!(trial.count(valid).await, 1);
}

#[tokio::test]
async fn batches_are_repeated_until_no_row_is_left() {
    let trial = Trial::new().await;
    trial.add("first", TABLE, "");
    let walk = "-- batches
        WITH batch AS (
          SELECT id FROM public.numbers WHERE id > coalesce(:after, '0')::bigint
           ORDER BY id LIMIT 100),
        filled AS (
          UPDATE public.numbers n SET value = 0 FROM batch b WHERE n.id = b.id AND value IS NULL)
        SELECT id FROM batch ORDER BY id";
    trial.add("walk", walk, "");
    let repeat = "-- batches
        UPDATE public.numbers SET value = 1
         WHERE id IN (SELECT id FROM public.numbers WHERE value = 0 ORDER BY id LIMIT 999)";
    trial.add("repeat", repeat, "");
    // Refuses one row, as a first attempt that fails halfway.
    let refuse = "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE 'not yet'; END; $$;
        CREATE TRIGGER refuse BEFORE UPDATE ON public.numbers
        FOR EACH ROW WHEN (NEW.id = 1234) EXECUTE FUNCTION public.refuse();";
    let mut settled = trial.runner.clone();
    settled.folder = temporary_folder("settled", 1);
    fs::copy(trial.runner.folder.join("V0001__first.sql"), settled.folder.join("V0001__first.sql"))
        .unwrap();
    assert_eq!(settled.run(&trial.url).await.unwrap().len(), 1);
    fs::remove_dir_all(&settled.folder).unwrap();

    let client = connect(&trial.url).await;
    client.batch_execute(refuse).await.unwrap();
    let error = trial.run().await.unwrap_err();
    assert!(error.to_string().contains("not yet"), "{error}");
    let filled = "SELECT count(*) FROM public.numbers WHERE value = 0";
    assert_eq!(trial.count(filled).await, 1200, "the batches before are kept");

    client.batch_execute("DROP TRIGGER refuse ON public.numbers").await.unwrap();
    assert_eq!(trial.run().await.unwrap(), 2);
    assert_eq!(trial.count("SELECT count(*) FROM public.numbers WHERE value = 1").await, 2500);

    let stuck = "-- batches\nSELECT id FROM public.numbers WHERE :after IS NULL OR true ORDER BY id LIMIT 9";
    trial.add("stuck", stuck, "");
    let error = trial.run().await.unwrap_err();
    assert!(matches!(error, MigrationError::NotAdvancing(_)), "{error}");
}

/// The deletion of a row looks for those that refer to it: without such an index it reads
/// their whole table.
#[tokio::test]
async fn foreign_keys_that_delete_or_clear_have_an_index() {
    let stores = Stores::fresh().await;
    let client = connect(&stores.database_url).await;
    let keys =
        "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND confdeltype IN ('c', 'n')";
    let count: i64 = client.query_one(keys, &[]).await.unwrap().get(0);
    assert!(count > 5, "{count}");
    let bare = "
        SELECT format('%s %s', c.conrelid::regclass, pg_get_constraintdef(c.oid))
          FROM pg_constraint c
         WHERE c.contype = 'f' AND c.confdeltype IN ('c', 'n') AND NOT EXISTS (
           SELECT FROM pg_index i
            WHERE i.indrelid = c.conrelid AND i.indisvalid AND i.indpred IS NULL
              AND (SELECT array_agg(k ORDER BY k)
                     FROM unnest((i.indkey::int2[])[0:cardinality(c.conkey) - 1]) AS k)
                = (SELECT array_agg(k ORDER BY k) FROM unnest(c.conkey) AS k))";
    let bare = client.query(bare, &[]).await.unwrap();
    let bare: Vec<String> = bare.iter().map(|row| row.get(0)).collect();
    assert!(bare.is_empty(), "foreign keys without an index: {bare:#?}");
}
