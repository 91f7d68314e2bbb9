//! The configuration: defaults, then `tickcast.toml`, then `TICKCAST__SECTION__KEY`, then `--set`.

mod auth;
mod edge;
mod given;
mod parse;
mod reader;
mod secret;
mod settings;
mod show;
mod store_url;

pub(crate) use auth::{AuthMode, AuthSettings, ExpressSessionSettings, IssuerSettings, JwksSettings};
pub(crate) use edge::{ForwardedBy, LimitSettings, ProxySettings, PublicSettings, TlsSettings};
#[cfg(feature = "fuzzing")]
pub(crate) use given::read_text;
pub(crate) use given::{Given, Sources, read_sources};
pub(crate) use parse::duration;
pub(crate) use reader::{Mistake, Reader};
pub(crate) use secret::Secret;
pub(crate) use settings::{
    DrainSettings, FanOutRelation, HeartbeatSettings, LogFormat, LogSettings, Mode, Settings, StoreSettings, System,
    TraceSettings, level,
};
pub(crate) use show::show;
pub(crate) use store_url::StoreUrl;

/// The exit code of a process whose configuration is wrong (`EX_CONFIG` of sysexits).
pub(crate) const EXIT_CONFIG: u8 = 78;

/// Reads the settings, or all mistakes there are.
pub(crate) fn load(sources: &Sources) -> Result<(Settings, Vec<Setting>), Vec<Mistake>> {
    let given = read_sources(sources)?;
    let mut reader = Reader::new(given);
    let settings = Settings::read(&mut reader);
    let shown = reader.finish()?;
    Ok((settings, shown))
}

/// One setting in force, for `config show`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its key, dotted.
    pub(crate) key: String,
    /// Its value, or stars for a secret.
    pub(crate) value: String,
    /// Where it comes from.
    pub(crate) place: String,
}
