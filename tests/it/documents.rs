//! The commands of the documents, run as a reader would: a page that does not work is a defect.

use crate::sources::read;
use std::process::Command;
use tests::Service;

/// The shell commands of a page from this heading on, as one script, without those that start
/// the service.
fn script(page: &str, heading: &str, url: &str) -> String {
    let page = read(page);
    let (_, page) = page.split_once(heading).expect("the heading");
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let blocks: Vec<&str> = blocks.filter(|block| !block.starts_with("cargo ")).collect();
    assert!(blocks.len() >= 4, "only {} blocks of commands", blocks.len());
    let script = blocks.join("\n");
    assert!(script.contains("http://127.0.0.1:3001"));
    format!("set -euo pipefail\n{}", script.replace("http://127.0.0.1:3001", url))
}

async fn run(page: &str, heading: &str) -> String {
    let service = Service::start().await;
    let script = script(page, heading, &service.listen().await);
    let output = tokio::task::spawn_blocking(move || {
        Command::new("bash").args(["-c", &script]).output().expect("bash")
    });
    let output = output.await.expect("no panic");
    let (out, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{page}: {error}\n{out}");
    out.into_owned()
}

#[tokio::test]
async fn the_readme_signs_up() {
    let output = run("README.md", "## First sign-up with curl").await;
    assert!(output.contains("accessToken") && output.contains("codeLength"), "{output}");
}

#[tokio::test]
async fn an_app_and_a_back_end_integrate_by_the_page() {
    let output = run("docs/integration.md", "# Integrating").await;
    for text in [r#""scope":"user""#, r#""kty":"EC""#, "requires2FA"] {
        assert!(output.contains(text), "{text} is not in {output}");
    }
}
