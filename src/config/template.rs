//! A new configuration file, every key explained.

use std::collections::BTreeMap;

use figment::{Figment, Provider};

const TEXT: &str = include_str!("ringfence.toml");

type Settings = BTreeMap<String, BTreeMap<String, serde_json::Value>>;

/// The template, with what `environment` sets written out.
pub(super) fn render(environment: impl Provider) -> String {
    // What does not fit (an unknown section, say) is reported when the result is parsed.
    let settings: Settings = Figment::from(environment).extract().unwrap_or_default();
    let mut section = String::new();
    let mut text = String::with_capacity(TEXT.len());
    for line in TEXT.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        }
        text.push_str(&replaced(line, settings.get(&section)).unwrap_or_else(|| line.to_owned()));
        text.push('\n');
    }
    text
}

fn replaced(line: &str, set: Option<&BTreeMap<String, serde_json::Value>>) -> Option<String> {
    let (key, _) = line.strip_prefix("# ").unwrap_or(line).split_once(" = ")?;
    let set = set?;
    match set.get(key) {
        Some(value) => Some(format!("{key} = {}", toml(value))),
        None if key == "master_key_file" && set.contains_key("passphrase_file") => Some(format!("# {line}")),
        None => None,
    }
}

/// A setting as TOML: of strings, numbers and arrays JSON's notation is also TOML's.
pub fn toml(value: &serde_json::Value) -> String {
    let Some(table) = value.as_object() else { return value.to_string() };
    let entries: Vec<_> = table.iter().map(|(key, value)| format!("{key} = {}", toml(value))).collect();
    format!("{{ {} }}", entries.join(", "))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    fn keys(config: &Config) -> Vec<String> {
        let value = serde_json::to_value(config).unwrap();
        let sections = value.as_object().unwrap();
        sections
            .iter()
            .flat_map(|(section, keys)| {
                keys.as_object().unwrap().keys().map(move |key| format!("{section}.{key}"))
            })
            .collect()
    }

    #[test]
    fn every_key_is_explained_and_there_is_no_other() {
        let all = Config::default();
        let commented_in: String = TEXT
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(setting) if setting.contains(" = ") && !setting.contains('`') => format!("{setting}\n"),
                _ => format!("{line}\n"),
            })
            .filter(|line| !line.starts_with("passphrase_file"))
            .collect();
        let file = Path::new("/etc/ringfence/ringfence.toml");
        let config = Config::parse(&commented_in, file).unwrap();
        assert_eq!(keys(&all), keys(&config));
        for key in keys(&all) {
            let name = key.split_once('.').unwrap().1;
            assert!(TEXT.contains(&format!("{name} = ")), "`{key}` is not explained");
        }
    }

    #[test]
    fn the_template_holds_the_defaults() {
        let file = Path::new("/etc/ringfence/ringfence.toml");
        let written = Config::parse(TEXT, file).unwrap();
        let without = Config::parse("[secrets]\nmaster_key_file = \"master.key\"", file).unwrap();
        assert_eq!(serde_json::to_value(written).unwrap(), serde_json::to_value(without).unwrap());
    }

    #[test]
    fn what_the_environment_sets_is_written_out() {
        let set = figment::providers::Serialized::default("gateway.listen", "127.0.0.1:0");
        let set = Figment::from(set).merge(("gateway.tls.cert", "a.pem")).merge(("gateway.tls.key", "b.pem"));
        let text = render(set.merge(("secrets.passphrase_file", "words")));
        assert!(text.contains("\ntls = { cert = \"a.pem\", key = \"b.pem\" }\n"), "{text}");
        assert!(text.contains("\nlisten = \"127.0.0.1:0\"\n"), "{text}");
        assert!(text.contains("\npassphrase_file = \"words\"\n"), "{text}");
        assert!(text.contains("\n# master_key_file = "), "{text}");
    }
}
