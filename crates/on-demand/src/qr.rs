//! QR codes as pictures, by the crate `qrcode`.

use qrcode::{EcLevel, QrCode, render::svg};

/// An SVG document, black on white with the margin that readers need, in UTF-8. `None` for a text that is too long: 2,331 bytes
/// fit.
pub fn svg(text: &[u8]) -> Option<Vec<u8>> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
    Some(code.render::<svg::Color<'_>>().build().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The modules as a reader sees them, by the rectangles of the SVG's path (`M8 8h7v1H8V8`).
    fn dark_modules(svg: &str) -> usize {
        svg.matches('M').count()
    }

    #[test]
    fn a_text_is_a_picture_that_a_page_can_show() {
        let svg = String::from_utf8(svg(b"https://app.example/#vs1=vs1.AQIDBA").unwrap()).unwrap();
        assert!(svg.contains("<svg xmlns=\"http://www.w3.org/2000/svg\""), "{svg}");
        assert!(dark_modules(&svg) > 100, "{svg}");
        assert!(!svg.contains("app.example"), "the text itself is not in it, so nothing of it can be markup");
    }

    #[test]
    fn what_does_not_fit_is_no_picture() {
        assert!(svg(&[b'x'; 2331]).is_some());
        assert!(svg(&[b'x'; 2332]).is_none());
    }
}
