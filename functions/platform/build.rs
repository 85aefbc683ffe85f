//! Unpacks the files of Swagger UI that the documentation shows. Its other builds, for those who bundle it
//! themselves, are two thirds of it.

use std::error::Error;
use std::fs::File;
use std::io::Cursor;
use std::path::Path;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;
use zip::ZipArchive;

const FILES: [&str; 5] = [
    "swagger-ui-bundle.js",
    "swagger-ui.css",
    "index.css",
    "favicon-16x16.png",
    "favicon-32x32.png",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = std::env::var("OUT_DIR")?;
    let mut archive = ZipArchive::new(Cursor::new(SWAGGER_UI_VENDORED))?;
    // The first folder is named after the version.
    let root = archive.by_index(0)?.name()?.split('/').next().unwrap_or_default().to_owned();
    for file in FILES {
        let mut packed = archive.by_name(&format!("{root}/dist/{file}"))?;
        std::io::copy(&mut packed, &mut File::create(Path::new(&folder).join(file))?)?;
    }
    Ok(())
}
