//! QR codes as pictures: PNG in a data URL, and SVG.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use qrcode::types::QrError;
use qrcode::{Color, QrCode};
use std::fmt::Write as _;
use thiserror::Error;

/// Pixels of a module.
const SCALE: usize = 6;
/// Modules of white around it (ISO/IEC 18004).
const QUIET_ZONE: usize = 4;

#[derive(Debug, Error)]
pub enum PictureError {
    #[error("a qr code cannot be made")]
    Qr(#[from] QrError),
    #[error("a picture cannot be written")]
    Png(#[from] png::EncodingError),
    #[error("a qr code is too large")]
    TooLarge,
}

/// A text as a QR code.
pub struct QrPicture {
    /// Modules of a side.
    modules: usize,
    colors: Vec<Color>,
}

impl QrPicture {
    pub fn new(text: &str) -> Result<Self, PictureError> {
        let code = QrCode::new(text)?;
        Ok(Self { modules: code.width(), colors: code.to_colors() })
    }

    /// Whether a module is dark. The quiet zone, which counts along, is white.
    fn is_dark(&self, column: usize, row: usize) -> bool {
        let module = |at: usize| at.checked_sub(QUIET_ZONE).filter(|at| *at < self.modules);
        let at = module(column).zip(module(row)).map(|(x, y)| y * self.modules + x);
        at.and_then(|at| self.colors.get(at)) == Some(&Color::Dark)
    }

    /// Modules of a side, with the quiet zone.
    const fn width(&self) -> usize {
        self.modules + 2 * QUIET_ZONE
    }

    /// A drawing, in which a module has a side of 1.
    #[must_use]
    pub fn svg(&self) -> String {
        let width = self.width();
        let mut path = String::new();
        for row in 0..width {
            let mut column = 0;
            while column < width {
                let run = (column..width).take_while(|at| self.is_dark(*at, row)).count();
                if run > 0 {
                    let _ = write!(path, "M{column} {row}h{run}v1h-{run}z");
                }
                column += run.max(1);
            }
        }
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {width}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{width}v{width}H0z"/><path d="{path}"/></svg>"##
        )
    }

    /// A picture in a data URL.
    pub fn png_data_url(&self) -> Result<String, PictureError> {
        let side = self.width() * SCALE;
        let is_dark = |x: usize, y: usize| self.is_dark(x / SCALE, y / SCALE);
        // One bit for each pixel, the first in the highest bit; a row ends with its last byte.
        let row = |y: usize| {
            (0..side.div_ceil(8)).map(move |byte| {
                (0..8).fold(0_u8, |bits, bit| {
                    let x = byte * 8 + bit;
                    bits << 1 | u8::from(x < side && !is_dark(x, y))
                })
            })
        };
        let pixels: Vec<u8> = (0..side).flat_map(row).collect();
        let width = u32::try_from(side).map_err(|_| PictureError::TooLarge)?;
        let mut picture = Vec::new();
        let mut encoder = png::Encoder::new(&mut picture, width, width);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&pixels)?;
        writer.finish()?;
        Ok(format!("data:image/png;base64,{}", BASE64.encode(picture)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_holds_the_modules_of_the_code() {
        let text = "otpauth://totp/Whispr:x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Whispr";
        let url = QrPicture::new(text).unwrap().png_data_url().unwrap();
        let picture = BASE64.decode(url.strip_prefix("data:image/png;base64,").unwrap()).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(picture)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let side = info.width as usize;
        assert_eq!(info.width, info.height);
        let code = QrCode::new(text).unwrap();
        let colors = code.to_colors();
        assert_eq!(side, (code.width() + 8) * SCALE);
        let is_white =
            |x: usize, y: usize| pixels[y * info.line_size + x / 8] >> (7 - x % 8) & 1 == 1;
        for y in 0..side {
            for x in 0..side {
                let module = |at: usize| (at / SCALE).wrapping_sub(QUIET_ZONE);
                let (column, row) = (module(x), module(y));
                let in_code = column < code.width() && row < code.width();
                let dark = in_code && colors[row * code.width() + column] == Color::Dark;
                assert_eq!(is_white(x, y), !dark, "{x} {y}");
            }
        }
    }

    #[test]
    fn the_drawing_holds_the_modules_of_the_code() {
        let text = "whispr://link?id=5f0c6b0e-8a43-4f0f-9f57-1f8b8f3f3f3f";
        let (code, svg) = (QrCode::new(text).unwrap(), QrPicture::new(text).unwrap().svg());
        let width = code.width() + 8;
        assert!(svg.contains(&format!("viewBox=\"0 0 {width} {width}\"")), "{svg}");
        let path = svg.rsplit_once("<path d=\"").unwrap().1.split('"').next().unwrap();
        let mut drawn = vec![false; width * width];
        for run in path.split_terminator('z') {
            let (column, rest) = run.strip_prefix('M').unwrap().split_once(' ').unwrap();
            let (row, rest) = rest.split_once('h').unwrap();
            let (length, _) = rest.split_once("v1h-").unwrap();
            let [column, row, length] = [column, row, length].map(|n| n.parse::<usize>().unwrap());
            drawn[row * width + column..][..length].fill(true);
        }
        let colors = code.to_colors();
        for y in 0..width {
            for x in 0..width {
                let (column, row) = (x.wrapping_sub(QUIET_ZONE), y.wrapping_sub(QUIET_ZONE));
                let in_code = column < code.width() && row < code.width();
                let dark = in_code && colors[row * code.width() + column] == Color::Dark;
                assert_eq!(drawn[y * width + x], dark, "{x} {y}");
            }
        }
    }
}
