//! The colours of pictures: those of Okabe and Ito, which people who see few colours tell apart.

use super::ask::Form;

/// The colours.
#[derive(Debug)]
pub struct Theme {
    /// Behind all.
    pub background: &'static str,
    /// Titles and names.
    pub text: &'static str,
    /// What stands beside axes.
    pub muted: &'static str,
    /// Axes.
    pub axis: &'static str,
    /// Lines through the picture.
    pub grid: &'static str,
    /// Anomalies.
    pub alarm: &'static str,
    /// Of series, in their order.
    pub series: [&'static str; 8],
    /// From the least shade to the greatest.
    pub ramp: [&'static str; 3],
    /// From below 0 to above.
    pub diverging: [&'static str; 3],
}

/// Dark on white.
pub const LIGHT: Theme = Theme {
    background: "#ffffff",
    text: "#1f2933",
    muted: "#5b6773",
    axis: "#9aa5b1",
    grid: "#e4e7eb",
    alarm: "#d55e00",
    series: [
        "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a6d3b", "#8d99a6",
    ],
    ramp: ["#e6f0f7", "#5ea3cc", "#08456f"],
    diverging: ["#c75500", "#f4f4f2", "#0069a6"],
};

/// Light on black.
pub const DARK: Theme = Theme {
    background: "#14191f",
    text: "#e6eaee",
    muted: "#a3afbb",
    axis: "#5d6a77",
    grid: "#2a333c",
    alarm: "#ff7a33",
    series: [
        "#4ea8de", "#f0b03f", "#2ec4a0", "#e096c0", "#9bd4f5", "#ff8a4c", "#c4a46c", "#8d99a6",
    ],
    ramp: ["#1c2a36", "#2f74a3", "#9fd8ff"],
    diverging: ["#ff8a3d", "#2b333b", "#4ea8de"],
};

impl Theme {
    /// The colour of a series.
    pub fn color(&self, form: Form, series: usize) -> &'static str {
        let place = match (form, series) {
            // More, less, and both together.
            (Form::Waterfall, 0) => 2,
            (Form::Waterfall, 1) => 5,
            (Form::Waterfall, _) => 0,
            (_, series) => series % self.series.len(),
        };
        self.series.get(place).copied().unwrap_or(self.text)
    }

    /// The colour of a value between two.
    pub fn shade(&self, value: f64, (lo, hi): (f64, f64)) -> String {
        let (colors, share) = if lo < 0.0 {
            let end = lo.abs().max(hi.abs());
            (self.diverging, (value / end + 1.0) / 2.0)
        } else {
            (
                self.ramp,
                if hi > lo {
                    (value - lo) / (hi - lo)
                } else {
                    1.0
                },
            )
        };
        let share = if share.is_nan() {
            0.5
        } else {
            share.clamp(0.0, 1.0) * 2.0
        };
        let [first, middle, last] = colors;
        if share <= 1.0 {
            mixed(first, middle, share)
        } else {
            mixed(middle, last, share - 1.0)
        }
    }

    /// Whether a colour is nearer to white than to black.
    pub fn is_light(color: &str) -> bool {
        let [red, green, blue] = parts(color);
        0.3 * red + 0.59 * green + 0.11 * blue > 140.0
    }
}

fn parts(color: &str) -> [f64; 3] {
    [1, 3, 5].map(|at| {
        let part = color.get(at..at + 2);
        part.and_then(|p| u8::from_str_radix(p, 16).ok())
            .map_or(0.0, f64::from)
    })
}

fn mixed(a: &str, b: &str, share: f64) -> String {
    let (a, b) = (parts(a), parts(b));
    let mut out = String::from("#");
    for (a, b) in a.iter().zip(b) {
        out.push_str(&format!("{:02x}", (a + (b - a) * share).round() as u8));
    }
    out
}
