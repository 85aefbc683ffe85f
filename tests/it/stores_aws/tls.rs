//! Postgres with TLS: whom its certificate must be from.

use shared::telemetry::ErrorChain;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use stores::{Options, Postgres, temporary_folder};
use tests::Service;
use tests::stores::{Stores, connect, own_postgres};

/// An authority, and a certificate of it for 127.0.0.1: PEM texts.
struct Certificates {
    authority: String,
    certificate: String,
    key: String,
}

impl Certificates {
    fn make() -> Self {
        let folder = temporary_folder("certificates").expect("a folder");
        openssl(
            &folder,
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca \
             -keyout ca.key -out ca.pem -addext keyUsage=critical,keyCertSign",
        );
        openssl(
            &folder,
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=db \
             -keyout server.key -out server.csr",
        );
        std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").expect("a file");
        openssl(
            &folder,
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
             -extfile names -out server.pem",
        );
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a file");
        let made = Self {
            authority: read("ca.pem"),
            certificate: read("server.pem"),
            key: read("server.key"),
        };
        let _ = std::fs::remove_dir_all(&folder);
        made
    }
}

fn openssl(folder: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    command.args(arguments.split_whitespace()).current_dir(folder).stderr(Stdio::null());
    assert!(command.status().expect("openssl runs").success(), "openssl {arguments}");
}

/// The server writes its files itself: it has a user of its own.
async fn with_tls(certificates: &Certificates) -> (Postgres, Stores) {
    let (postgres, stores) = own_postgres(Options::ephemeral()).await.expect("Postgres starts");
    let admin = connect(&stores.database_url).await;
    for (name, pem) in [("tls.pem", &certificates.certificate), ("tls.key", &certificates.key)] {
        let write = format!(
            "COPY (SELECT unnest(string_to_array('{}', E'\\n')))
             TO PROGRAM 'cat > {name} && chmod 600 {name}'",
            pem.trim()
        );
        admin.batch_execute(&write).await.expect("a file");
    }
    for setting in ["ssl_cert_file = 'tls.pem'", "ssl_key_file = 'tls.key'", "ssl = on"] {
        admin.batch_execute(&format!("ALTER SYSTEM SET {setting}")).await.expect("a setting");
    }
    admin.batch_execute("SELECT pg_reload_conf()").await.expect("a reload");
    while connect(&stores.database_url)
        .await
        .query_one("SHOW ssl", &[])
        .await
        .unwrap()
        .get::<_, String>(0)
        != "on"
    {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (postgres, stores)
}

#[tokio::test]
async fn only_a_certificate_of_a_trusted_authority_is_accepted() {
    let (certificates, others) = (Certificates::make(), Certificates::make());
    let (postgres, stores) = with_tls(&certificates).await;
    let port = postgres.port();
    let url = |host: &str| format!("postgres://postgres@{host}:{port}/auth?sslmode=require");
    let service = Service::over(stores, &[]).await;
    let right = url("127.0.0.1");
    let trusted = [("DATABASE_URL", right.as_str()), ("DATABASE_CA", &certificates.authority)];
    let trusting = service.with_more(&trusted).await;
    let _ = trusting.client().sign_up("+33612345678").await;
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
         WHERE ssl AND application_name = 'auth'";
    assert!(service.count(encrypted).await > 0, "the connection is not encrypted");
    // A template may hold the text in one line.
    let line = certificates.authority.replace('\n', "\\n");
    let one_line = [("DATABASE_URL", right.as_str()), ("DATABASE_CA", line.as_str())];
    service.with_more(&one_line).await.state.core.store.ping().await.expect("an answer");

    let both = format!("{}{}", others.authority, certificates.authority);
    let ca = [("DATABASE_URL", right.as_str()), ("DATABASE_CA", both.as_str())];
    service.with_more(&ca).await.state.core.store.ping().await.expect("an answer");
    // None, the authorities of RDS, another private one; the right one for another name.
    let wrong = url("localhost");
    for (url, ca) in [
        (&right, ""),
        (&right, "rds"),
        (&right, &others.authority),
        (&wrong, &certificates.authority),
    ] {
        let refusing = service.with_more(&[("DATABASE_URL", url), ("DATABASE_CA", ca)]).await;
        let error = refusing.state.core.store.ping().await.expect_err("a refusal");
        let text = ErrorChain(&error).to_string();
        assert!(text.contains("failed to connect to postgres"), "{text}");
    }
}
