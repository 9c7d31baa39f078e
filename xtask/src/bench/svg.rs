//! Curves as SVG: a few lines of text, for which no library is needed.

use std::fmt::Write;

/// The axis on the left; the one below is always logarithmic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// From 0.
    Linear,
    /// Nothing below 1 can be shown.
    Logarithmic,
}

/// One curve.
pub struct Series {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

/// What is drawn.
pub struct Plot<'a> {
    pub title: &'a str,
    pub below: &'a str,
    pub left: &'a str,
    pub scale: Scale,
    pub series: Vec<Series>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
/// Where the axes begin and end.
const LEFT: f64 = 80.0;
const RIGHT: f64 = 700.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 340.0;
/// Told apart by those who do not see all colours too.
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];

impl Plot<'_> {
    /// The whole file.
    pub fn render(&self) -> String {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let below = Axis::logarithmic(points().map(|(x, _)| *x), LEFT, RIGHT);
        let values = points().map(|(_, y)| *y);
        let left = match self.scale {
            Scale::Linear => Axis::linear(values, BOTTOM, TOP),
            Scale::Logarithmic => Axis::logarithmic(values, BOTTOM, TOP),
        };
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
        );
        say(&mut text, (WIDTH / 2.0, 24.0), "middle", self.title);
        say(
            &mut text,
            ((LEFT + RIGHT) / 2.0, HEIGHT - 22.0),
            "middle",
            self.below,
        );
        say(&mut text, (8.0, TOP - 12.0), "start", self.left);
        for tick in below.ticks() {
            let x = below.at(tick);
            line(&mut text, (x, TOP), (x, BOTTOM));
            say(&mut text, (x, BOTTOM + 16.0), "middle", &short(tick));
        }
        for tick in left.ticks() {
            let y = left.at(tick);
            line(&mut text, (LEFT, y), (RIGHT, y));
            say(&mut text, (LEFT - 6.0, y + 4.0), "end", &short(tick));
        }
        for (number, series) in self.series.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            let points = series.points.iter();
            let places: Vec<_> = points.map(|(x, y)| (below.at(*x), left.at(*y))).collect();
            curve(&mut text, &places, colour);
            let y = TOP + 14.0 + 16.0 * number as f64;
            dot(&mut text, (LEFT + 14.0, y - 4.0), colour);
            say(&mut text, (LEFT + 24.0, y), "start", &series.name);
        }
        text + "</svg>\n"
    }
}

/// From values to places.
struct Axis {
    least: f64,
    most: f64,
    from: f64,
    to: f64,
    scale: Scale,
}

impl Axis {
    /// From one power of ten to another.
    fn logarithmic(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let values = values.map(|value| value.max(1.0).log10());
        let least = values.clone().fold(f64::INFINITY, f64::min).floor();
        let most = values.fold(f64::NEG_INFINITY, f64::max).ceil();
        let least = if least.is_finite() { least } else { 0.0 };
        Self {
            least,
            most: most.max(least + 1.0),
            from,
            to,
            scale: Scale::Logarithmic,
        }
    }

    /// From 0 to a round number.
    fn linear(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let most = values.fold(1.0, f64::max);
        let step = 10f64.powf(most.log10().floor());
        Self {
            least: 0.0,
            most: (most / step).ceil() * step,
            from,
            to,
            scale: Scale::Linear,
        }
    }

    fn at(&self, value: f64) -> f64 {
        let value = match self.scale {
            Scale::Linear => value.max(0.0),
            Scale::Logarithmic => value.max(1.0).log10(),
        };
        let part = (value - self.least) / (self.most - self.least);
        self.from + part * (self.to - self.from)
    }

    fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => (0..=5)
                .map(|part| self.most * f64::from(part) / 5.0)
                .collect(),
            Scale::Logarithmic => (self.least as i32..=self.most as i32)
                .map(|power| 10f64.powi(power))
                .collect(),
        }
    }
}

fn curve(text: &mut String, places: &[(f64, f64)], colour: &str) {
    let list: Vec<_> = places
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let list = list.join(" ");
    // Writing to a String can not fail.
    let _ = writeln!(
        text,
        "<polyline points=\"{list}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
    );
    for place in places {
        dot(text, *place, colour);
    }
}

fn dot(text: &mut String, (x, y): (f64, f64), colour: &str) {
    let _ = writeln!(
        text,
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>"
    );
}

fn line(text: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let _ = writeln!(
        text,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"#ddd\"/>"
    );
}

fn say(text: &mut String, (x, y): (f64, f64), anchor: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        text,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"
    );
}

/// `20`, `1k`, `2.5M`.
fn short(value: f64) -> String {
    let (value, unit) = match value {
        value if value >= 1e9 => (value / 1e9, "G"),
        value if value >= 1e6 => (value / 1e6, "M"),
        value if value >= 1e3 => (value / 1e3, "k"),
        value => (value, ""),
    };
    format!("{value:.1}").trim_end_matches(".0").to_owned() + unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let texts = [0.0, 20.0, 1000.0, 2_500_000.0, 1e9].map(short);
        assert_eq!(texts, ["0", "20", "1k", "2.5M", "1G"]);
    }

    #[test]
    fn values_have_their_places() {
        let axis = Axis::logarithmic([100.0, 99_000.0].into_iter(), LEFT, RIGHT);
        assert_eq!(axis.at(100.0), LEFT);
        assert_eq!(axis.at(100_000.0), RIGHT);
        assert_eq!(axis.ticks(), [100.0, 1e3, 1e4, 1e5]);
        let axis = Axis::linear([320.0, 10.0].into_iter(), BOTTOM, TOP);
        assert_eq!((axis.at(-5.0), axis.at(400.0)), (BOTTOM, TOP));
        assert_eq!(axis.ticks(), [0.0, 80.0, 160.0, 240.0, 320.0, 400.0]);
    }

    #[test]
    fn a_plot_is_whole() {
        let series = |name: &str| Series {
            name: name.to_owned(),
            points: vec![(1.0, 10.0), (10.0, 100.0)],
        };
        let plot = Plot {
            title: "a < b & c",
            below: "x",
            left: "y",
            scale: Scale::Logarithmic,
            series: vec![series("one"), series("two")],
        };
        let text = plot.render();
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
        assert!(text.contains(">a &lt; b &amp; c<"));
        assert_eq!(text.matches("<polyline").count(), 2);
        let nothing = Plot {
            series: Vec::new(),
            ..plot
        }
        .render();
        assert!(
            !nothing.contains("NaN") && !nothing.contains("inf"),
            "{nothing}"
        );
    }
}
