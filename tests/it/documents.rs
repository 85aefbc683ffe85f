//! The commands of the documents, run as a reader would: a page that does not work is a defect.

use crate::sources::{code_blocks, read};
use crate::template::document::{resources_of, template};
use std::collections::BTreeSet;
use std::process::Command;
use tests::Service;

/// The shell commands of a page from this heading on, as one script, without those that start
/// the service.
fn script(page: &str, heading: &str, url: &str) -> String {
    let page = read(page);
    let (_, page) = page.split_once(heading).expect("the heading");
    let blocks = code_blocks(page, "sh");
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

/// Who is woken by an alarm finds what to do under its name.
#[test]
fn every_alarm_has_a_section_in_the_guide_and_no_section_is_left_over() {
    let template = template();
    let alarms: BTreeSet<String> = ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"]
        .iter()
        .flat_map(|kind| resources_of(&template, kind))
        .map(|(name, _)| name)
        .collect();
    assert!(alarms.len() > 10, "only {alarms:?} were found");
    let guide = read("docs/operating.md");
    let (_, guide) = guide.split_once("## Alarms").expect("the heading");
    let sections = guide.lines().filter_map(|line| line.strip_prefix("### "));
    let sections: BTreeSet<String> = sections.map(str::to_owned).collect();
    assert_eq!(alarms, sections);
}

/// The table of costs is the one that the script makes of the figures of the bench, of memory and log lines in
/// template.yaml, and of prices.
#[test]
fn the_costs_follow_the_bench() {
    let script = local::paths::workspace().join("tests/scripts/cost.py");
    let output = Command::new("python3").arg(script).arg("--check").output().expect("python3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
