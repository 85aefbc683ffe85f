//! A QR code as a PNG picture in a data URL.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use qrcode::types::QrError;
use qrcode::{Color, QrCode};
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

/// Draws a text.
pub fn data_url(text: &str) -> Result<String, PictureError> {
    let code = QrCode::new(text)?;
    let (modules, colors) = (code.width(), code.to_colors());
    let side = (modules + 2 * QUIET_ZONE) * SCALE;
    let is_dark = |x: usize, y: usize| {
        let module = |at: usize| (at / SCALE).checked_sub(QUIET_ZONE).filter(|at| *at < modules);
        let at = module(x).zip(module(y)).map(|(x, y)| y * modules + x);
        at.and_then(|at| colors.get(at)) == Some(&Color::Dark)
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_holds_the_modules_of_the_code() {
        let text = "otpauth://totp/Whispr:x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Whispr";
        let url = data_url(text).unwrap();
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
}
