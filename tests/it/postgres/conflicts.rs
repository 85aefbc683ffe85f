//! A write that another transaction was in the way of (40001, 40P01) is repeated: injected
//! into every write of every flow by triggers.

use super::flows::{FLOWS, Flow, Prepared};
use tests::Service;

/// The `n`th write to any table of `auth` raises the error, once: a sequence is not rolled back.
async fn fail_write(service: &Service, n: u32, state: &str) {
    service
        .sql(&format!(
            "CREATE SEQUENCE writes;
             CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               IF nextval('writes') = {n} THEN RAISE EXCEPTION SQLSTATE '{state}'; END IF;
               RETURN NULL;
             END $$;
             DO $$ DECLARE t text; BEGIN
               FOR t IN SELECT format('%I.%I', table_schema, table_name)
                          FROM information_schema.tables
                         WHERE table_schema = 'auth' AND table_type = 'BASE TABLE' LOOP
                 EXECUTE 'CREATE TRIGGER fail AFTER INSERT OR UPDATE OR DELETE ON ' || t
                         || ' FOR EACH STATEMENT EXECUTE FUNCTION public.fail()';
               END LOOP;
             END $$;"
        ))
        .await;
}

async fn conflict_in_each_write(flow: Flow) {
    for state in ["40001", "40P01"] {
        for n in 1.. {
            let service = Service::with(&[("RATE_LIMITS", "off")]).await;
            let prepared = Prepared::new(&service, flow).await;
            fail_write(&service, n, state).await;
            let reply = prepared.send(flow).await;
            let writes = service.count("SELECT last_value FROM writes").await;
            assert!(reply.status.as_u16() < 500, "{flow:?}, {state} at {n}: {}", reply.json());
            service
                .sql(
                    "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
                        'BEGIN RETURN NULL; END'",
                )
                .await;
            prepared.check(flow, reply).await;
            if writes < i64::from(n) {
                assert!(n > 1, "{flow:?} writes nothing");
                break;
            }
            assert!(n < 80, "{flow:?} makes {writes} writes");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_repeats_every_write_of_every_flow() {
    for flow in FLOWS {
        conflict_in_each_write(flow).await;
    }
}
