//! Accounts that take longer than a request may: an import has a minute for each, and goes on without one
//! that takes longer still.

use tests::Service;
use tests::stores::connect;

use super::{Old, id, old_database, reasons, run};

#[tokio::test]
async fn an_account_with_very_many_log_ins_comes_over() {
    let (service, from) = (Service::start().await, old_database().await);
    let mut old = Old(Vec::new());
    old.user(1, "+33612345678", None);
    old.device(10, 1, "phone", "2025-03-02T10:00:00");
    old.0.push(format!(
        "INSERT INTO auth.login_history
         SELECT gen_random_uuid(), '{}', '{}', '203.0.113.9', 'success',
                timestamp '2025-03-01' + n * interval '1 second' FROM generate_series(1, 60000) n;",
        id(1),
        id(10)
    ));
    connect(&from).await.batch_execute(&old.0.concat()).await.expect("a population");
    // On any machine longer than the two seconds of a request.
    let slow = "
        CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN PERFORM pg_sleep(2.1); RETURN NULL; END $$;
        CREATE TRIGGER slow AFTER INSERT ON auth.login_history
          FOR EACH STATEMENT EXECUTE FUNCTION public.slow();";
    service.sql(slow).await;

    let imported = run(&service, &from).await;
    assert_eq!((imported.accounts, imported.devices, imported.known), (1, 1, 0));
    assert!(imported.left_out.is_empty(), "{:?}", imported.left_out);
    let logins = format!("SELECT count(*) FROM auth.login_history WHERE device_id = '{}'", id(10));
    assert_eq!(service.count(&logins).await, 60_000);
}

#[tokio::test]
async fn an_account_that_takes_too_long_is_left_out_and_the_next_ones_come_over() {
    let (service, from) = (Service::start().await, old_database().await);
    let mut old = Old(Vec::new());
    for (n, phone) in [(1, "+33611111111"), (2, "+33612345678"), (3, "+33622222222")] {
        old.user(n, phone, None);
        old.device(n * 10, n, "phone", "2025-03-02T10:00:00");
    }
    connect(&from).await.batch_execute(&old.0.concat()).await.expect("a population");
    // As the server ends a statement whose minute is over.
    let endless = "
        CREATE FUNCTION public.endless() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE EXCEPTION 'too long' USING ERRCODE = 'query_canceled'; END $$;
        CREATE TRIGGER endless BEFORE INSERT ON auth.users_auth FOR EACH ROW
          WHEN (NEW.phone_number = '+33612345678') EXECUTE FUNCTION public.endless();";
    service.sql(endless).await;

    let imported = run(&service, &from).await;
    assert_eq!((imported.accounts, imported.devices), (2, 2));
    let left_out = ("users_auth", "it takes longer than a minute");
    assert_eq!(reasons(&imported.left_out), [(left_out, 1)].into());
    assert_eq!(imported.left_out[0].id, id(2).to_string());
    let of_it = format!("SELECT count(*) FROM auth.devices WHERE user_id = '{}'", id(2));
    assert_eq!(service.count(&of_it).await, 0);

    service.sql("DROP TRIGGER endless ON auth.users_auth").await;
    let again = run(&service, &from).await;
    assert_eq!((again.accounts, again.known, again.left_out.len()), (1, 2, 0));
    assert_eq!(service.count(&of_it).await, 1);
}
