//! The steps of docs/deploying.md that need no account, run as they stand there. AWS's command is a
//! double that keeps what it is given.

use secrecy::SecretString;
use serde_json::Value;
use shared::secrets::SecretName;
use shared::tokens::{PublicKeys, SigningKeys};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tests::Service;

use crate::sources::{code_blocks, read};

/// The commands of a step.
fn step(title: &str) -> String {
    let page = read("docs/deploying.md");
    let (_, step) = page.split_once(&format!("**{title}")).expect(title);
    code_blocks(step, "sh").next().expect("commands").to_owned()
}

/// A folder with the doubles `aws` and `cargo`.
struct Doubles {
    folder: PathBuf,
}

impl Doubles {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir()
            .join(format!("auth-first-deployment-{name}-{}", std::process::id()));
        fs::create_dir_all(folder.join("a/b")).expect("a folder");
        Self { folder }
    }

    fn add(&self, name: &str, script: &str) {
        let file = self.folder.join(name);
        fs::write(&file, format!("#!/bin/bash\n{script}\n")).expect("a script");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a script");
    }

    async fn run(&self, commands: &str) -> String {
        let path = format!("{}:{}", self.folder.display(), std::env::var("PATH").unwrap());
        let script = format!("set -euo pipefail\ncd a/b\n{commands}");
        let folder = self.folder.clone();
        let output = tokio::task::spawn_blocking(move || {
            let mut bash = Command::new("bash");
            bash.args(["-c", &script]).current_dir(folder).env("PATH", path).output().expect("bash")
        });
        let output = output.await.expect("no panic");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn read(&self, name: &Path) -> String {
        fs::read_to_string(self.folder.join(name)).expect("a file")
    }
}

impl Drop for Doubles {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
async fn the_keys_that_are_filled_in_are_those_that_functions_accept() {
    let doubles = Doubles::new("keys");
    let keys = local::service::new_keys();
    let lines = keys.iter().map(|(name, value)| format!("export {name}='{value}'"));
    let exports = lines.collect::<Vec<_>>().join("\n");
    doubles.add("cargo", &format!("cat <<'KEYS'\n{exports}\nKEYS"));
    // aws secretsmanager put-secret-value --secret-id ID --secret-string VALUE
    let keep = format!(
        "mkdir -p {0}/secrets && printf %s \"$6\" > {0}/secrets/$(basename \"$4\")",
        doubles.folder.display()
    );
    doubles.add("aws", &keep);
    doubles.run(&step("Fill in the keys.")).await;
    let put: BTreeMap<String, String> = fs::read_dir(doubles.folder.join("secrets"))
        .expect("secrets")
        .map(|file| {
            let name = file.unwrap().file_name().into_string().unwrap();
            let value = doubles.read(&Path::new("secrets").join(&name));
            (name, value)
        })
        .collect();
    let names: Vec<&str> = put.keys().map(String::as_str).collect();
    let expected = ["data-keys", "jwt-keys", "jwt-public-keys", "pepper", "phone-index-key"];
    assert_eq!(names, expected);
    let secret = |name: &str| SecretString::from(put[name].as_str());
    let signing = SigningKeys::parse(&secret("jwt-keys")).expect("signing keys");
    let public = PublicKeys::parse(&secret("jwt-public-keys")).expect("public keys");
    assert_eq!(public.stored(), put["jwt-public-keys"]);
    assert_eq!(signing.public().stored(), put["jwt-public-keys"], "the halves belong together");
    for (name, secret) in [("pepper", SecretName::Pepper), ("data-keys", SecretName::DataKeys)] {
        assert_eq!(put[name], keys[secret.variable()]);
    }
}

#[tokio::test]
async fn the_service_is_seen_to_run_and_sends_a_code() {
    let doubles = Doubles::new("code");
    let service = Service::start().await;
    let url = service.listen().await;
    doubles.add("aws", &format!("echo {url}"));
    let see = step("See that it runs.");
    let seen = doubles.run(&see).await;
    assert!(seen.contains(r#""status":"ready""#) && seen.contains(r#""kty":"EC""#), "{seen}");

    let send = step("Send a code");
    let (request, confirm) =
        send.split_once("    curl \"$API/auth/v1/verify/register/confirm\"").unwrap();
    let api = format!("export API={url}\n");
    let answer = doubles.run(&format!("{api}{request}")).await;
    let answer: Value = serde_json::from_str(answer.trim()).expect("an answer");
    let id = answer["verificationId"].as_str().expect("an id");
    let message = service.inbox().await.remove(0);
    let code = message["code"].as_str().expect("a code");
    let confirm = confirm.replace('…', id).replace("\"123456\"", &format!("\"{code}\""));
    let confirm = format!("{api}curl \"$API/auth/v1/verify/register/confirm\"{confirm}");
    assert_eq!(doubles.run(&confirm).await.trim(), r#"{"verified":true}"#);
}

#[test]
fn the_page_names_every_secret_and_parameter_of_the_template() {
    let page = read("docs/deploying.md");
    let template = read("template.yaml");
    for part in template.split("auth/${Stage}/").skip(1) {
        let name: String =
            part.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
        let name = name.trim_end_matches('-');
        assert!(page.contains(&format!("`auth/<stage>/{name}`")), "{name} is not in the page");
    }
    let template = super::document::template();
    for name in template["Parameters"].as_object().unwrap().keys() {
        assert!(page.contains(&format!("`{name}`")), "{name} is not in the page");
    }
    assert!(template["Parameters"].as_object().unwrap().len() <= 18, "few parameters");
}
