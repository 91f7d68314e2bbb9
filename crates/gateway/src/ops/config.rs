//! The configuration: defaults, then `tickcast.toml`, then `TICKCAST__SECTION__KEY`, then `--set`.

mod auth;
mod environment;
mod files;
mod key_files;
mod listener;
pub(crate) mod parse;
mod raw_setting;
mod reader;
mod settings;
mod show;
mod sources;
mod store_url;

pub(crate) use auth::AuthConfig;
pub(crate) use key_files::KeyFiles;
pub(crate) use listener::{LimitSettings, PublicSettings};
#[cfg(feature = "fuzzing")]
pub(crate) use raw_setting::parse_file;
pub(crate) use raw_setting::{RawSetting, RawSettings};
pub(crate) use reader::{ConfigError, Reader};
pub(crate) use settings::{
    DrainSettings, FanOutRelation, LogFormat, LogSettings, Mode, Settings, StoreSettings, TraceSettings,
};
pub(crate) use show::show;
pub(crate) use sources::Sources;
pub(crate) use store_url::StoreUrl;

use sources::RawSources;

/// The exit code of a process with an invalid configuration (`EX_CONFIG` of sysexits).
pub(crate) const EXIT_CONFIG: u8 = 78;

/// One setting in force, for `config show`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The dotted key.
    pub(crate) key: String,
    /// The value; `***` for a secret.
    pub(crate) value: String,
    /// The source of the value.
    pub(crate) source: String,
}

/// A valid configuration.
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    /// All settings, for `config show`.
    pub(crate) in_force: Vec<Setting>,
    /// What may not be meant, for the log and for `config check`.
    pub(crate) warnings: Vec<String>,
}

/// Reads the settings. The error lists everything that is wrong.
pub(crate) fn load(sources: &Sources) -> Result<Loaded, Vec<ConfigError>> {
    let RawSources { settings: raw, ignored_variables } = sources::read_sources(sources)?;
    let key_files = KeyFiles::of(&raw);
    let mut reader = Reader::new(raw);
    let settings = Settings::read(&mut reader, key_files);
    let resembling = ignored_variables.iter().filter_map(|name| environment::warning(name, reader.known_keys()));
    let resembling: Vec<String> = resembling.collect();
    resembling.into_iter().for_each(|warning| reader.warn(warning));
    let (in_force, warnings) = reader.finish()?;
    Ok(Loaded { settings, in_force, warnings })
}
