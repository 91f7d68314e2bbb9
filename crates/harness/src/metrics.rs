//! A node's Prometheus metrics.

/// The metrics of one scrape.
pub struct Metrics(String);

impl Metrics {
    /// Wraps the text of a scrape.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Returns the sum of all series with a name and these labels; `None` if there is no such series.
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let found = self.0.lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let (of, rest) = series.split_once('{').map_or((series, ""), |(of, rest)| (of, rest));
            let has = |(label, value): &(&str, &str)| rest.contains(&format!("{label}=\"{value}\""));
            (of == name && labels.iter().all(has)).then(|| value.parse::<f64>().unwrap())
        });
        found.reduce(|sum, value| sum + value)
    }

    /// Returns the sum of all series with a name and these labels.
    ///
    /// # Panics
    /// If there is no such series.
    pub fn must(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.get(name, labels).unwrap_or_else(|| panic!("no {name} with {labels:?} in\n{}", self.0))
    }
}
