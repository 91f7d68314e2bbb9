//! The configuration: defaults, then `tickcast.toml`, then `TICKCAST__SECTION__KEY`, then `--set`.

mod auth;
mod key_files;
mod listener;
pub(crate) mod parse;
mod raw_setting;
mod reader;
mod settings;
mod show;
mod store_url;

pub(crate) use auth::AuthConfig;
pub(crate) use key_files::KeyFiles;
pub(crate) use listener::{LimitSettings, PublicSettings};
#[cfg(feature = "fuzzing")]
pub(crate) use raw_setting::parse_file;
pub(crate) use raw_setting::{RawSetting, RawSettings, Sources, read_sources};
pub(crate) use reader::{ConfigError, Reader};
pub(crate) use settings::{
    DrainSettings, FanOutRelation, LogFormat, LogSettings, Mode, Settings, StoreSettings, TraceSettings,
};
pub(crate) use show::show;
pub(crate) use store_url::StoreUrl;

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

/// Reads the settings. The error lists everything that is wrong.
pub(crate) fn load(sources: &Sources) -> Result<(Settings, Vec<Setting>), Vec<ConfigError>> {
    let written = read_sources(sources)?;
    let key_files = KeyFiles::of(&written);
    let mut reader = Reader::new(written);
    let settings = Settings::read(&mut reader, key_files);
    let in_force = reader.finish()?;
    Ok((settings, in_force))
}
