//! `tickcast config show`: the settings in force, as a valid TOML file.

use crate::ops::config::Setting;

/// Renders all settings, each with its source.
pub(crate) fn show(settings: &[Setting]) -> String {
    let mut out = String::new();
    let mut settings: Vec<&Setting> = settings.iter().collect();
    settings.sort_by_key(|setting| (setting.key.contains('.'), &setting.key));
    for setting in settings {
        let value = if setting.value.parse::<i64>().is_ok() || setting.value.parse::<bool>().is_ok() {
            setting.value.clone()
        } else {
            format!("{:?}", setting.value)
        };
        out.push_str(&format!("{} = {value} # {}\n", setting.key, setting.source));
    }
    out
}
