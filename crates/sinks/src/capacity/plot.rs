//! The plot of a capacity analysis: occupancy over time, and the curves of the sweeps.

mod panel;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Once;

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::style::{FontStyle, WHITE, register_font};

use super::CapacityReport;

/// Pixels across.
const WIDTH: u32 = 1000;
/// Pixels of a panel from top to bottom.
const HEIGHT: u32 = 340;
/// Scopes that have a panel.
const MAX_SCOPES: usize = 3;

/// The font of everything that is written on a plot.
const FONT: &str = "sans-serif";

/// A format of plots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlotFormat {
    /// Scalable Vector Graphics.
    Svg,
    /// Portable Network Graphics.
    Png,
}

impl PlotFormat {
    /// The format of a file by its extension, in any case.
    ///
    /// # Errors
    /// The extension is missing or names no format of plots.
    pub fn from_path(path: &Path) -> Result<Self, PlotFormatError> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("svg") => Ok(Self::Svg),
            Some("png") => Ok(Self::Png),
            _ => Err(PlotFormatError { path: path.to_owned() }),
        }
    }
}

/// Why a path does not choose a format of plots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlotFormatError {
    path: PathBuf,
}

impl fmt::Display for PlotFormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        write!(f, "`{path}`: the extension chooses the format of the plot; expected .svg or .png")
    }
}

impl std::error::Error for PlotFormatError {}

impl CapacityReport {
    /// The plot as the bytes of a file. It reads no clock and no font of the machine: equal reports give equal bytes.
    ///
    /// # Errors
    /// None that a report can cause; those of the drawing library are handed on.
    pub fn plot(&self, format: PlotFormat) -> io::Result<Vec<u8>> {
        bring_font();
        let panels = self.panels();
        let height = HEIGHT * u32::try_from(panels.len().max(1)).unwrap_or(1);
        match format {
            PlotFormat::Svg => {
                let mut text = String::new();
                let root = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
                draw(&root, &panels)?;
                drop(root);
                Ok(text.into_bytes())
            }
            PlotFormat::Png => {
                let mut pixels = vec![255; WIDTH as usize * height as usize * 3];
                let root = BitMapBackend::with_buffer(&mut pixels, (WIDTH, height)).into_drawing_area();
                draw(&root, &panels)?;
                drop(root);
                encode(&pixels, height)
            }
        }
    }

    fn panels(&self) -> Vec<panel::Panel<'_>> {
        let scopes = self.scopes.iter().take(MAX_SCOPES).map(panel::Panel::Scope);
        let sweeps = self.sweeps.iter().map(panel::Panel::Sweep);
        scopes.chain(sweeps).collect()
    }
}

/// Makes the font known that the program brings along.
fn bring_font() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A font that is no font would show as an error when it is used.
        let _ = register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT);
    });
}

fn draw<B: DrawingBackend>(root: &DrawingArea<B, Shift>, panels: &[panel::Panel<'_>]) -> io::Result<()> {
    root.fill(&WHITE).map_err(|error| failed(&error))?;
    for (area, panel) in root.split_evenly((panels.len().max(1), 1)).iter().zip(panels) {
        panel.draw(area).map_err(|error| failed(&error))?;
    }
    root.present().map_err(|error| failed(&error))
}

fn failed<E: std::error::Error + Send + Sync>(error: &DrawingAreaErrorKind<E>) -> io::Error {
    io::Error::other(format!("the plot cannot be drawn: {error:?}"))
}

fn encode(pixels: &[u8], height: u32) -> io::Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, WIDTH, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
#[path = "plot_tests.rs"]
mod tests;
