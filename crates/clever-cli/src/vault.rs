//! The credentials that a person keeps: one sealed file, and the key to it in another.
//!
//! The seal keeps secrets out of backups, synced folders and eyes that see the file alone. Who can read
//! both files can read the secrets: keep the key where only its owner reads, or bring it in CLEVER_KEY.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use clever_auth::credential::Credentials;
use clever_auth::seal::{KeyId, SealingKeys, SystemRandomness, random_text};
use clever_files::Draft;
use clever_sync::erase::NotesKey;
use secrecy::{ExposeSecret, SecretString};

use crate::diagnostics::Usage;
use crate::writing::write_whole;

/// The heading of the help for options about an app and its credentials.
pub(crate) const APP: &str = "App and credentials";

/// The environment variable that may hold the key itself.
const KEY_VARIABLE: &str = "CLEVER_KEY";

/// Where credentials are kept.
#[derive(Debug, Clone, Args)]
pub(crate) struct VaultArgs {
    /// The sealed file of credentials.
    ///
    /// Without this option, it is `clever/credentials` in your configuration folder.
    #[arg(long, help_heading = APP, env = "CLEVER_CREDENTIALS", value_name = "FILE")]
    pub(crate) credentials: Option<PathBuf>,
    /// The key to the file of credentials.
    ///
    /// Without this option, it has the same name with `.key` at its end. It is made when the first credential is added.
    #[arg(long, help_heading = APP, env = "CLEVER_KEY_FILE", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

/// No such credential.
#[derive(Debug, thiserror::Error)]
#[error("there is no credential `{0}`")]
pub(crate) struct NoCredential(pub(crate) String);

impl VaultArgs {
    fn file(&self) -> Result<PathBuf> {
        if let Some(path) = &self.credentials {
            return Ok(path.clone());
        }
        let config = std::env::var_os("XDG_CONFIG_HOME")
            .or_else(|| std::env::var_os("APPDATA"))
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| std::env::home_dir().map(|home| home.join(".config")))
            .context("there is no home folder: name the file with --credentials")?;
        Ok(config.join("clever").join("credentials"))
    }

    fn key_file(&self) -> Result<PathBuf> {
        match &self.key_file {
            Some(path) => Ok(path.clone()),
            None => Ok(self.file()?.with_extension("key")),
        }
    }

    /// Reads all credentials; none where there is no file yet.
    pub(crate) fn read(&self) -> Result<Credentials> {
        let file = self.file()?;
        let sealed = match fs::read(&file) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Credentials::default()),
            Err(error) => {
                return Err(error).with_context(|| {
                    format!("could not read the credentials in {}", file.display())
                });
            }
        };
        Credentials::open(&self.key(false)?, &sealed)
            .with_context(|| format!("could not open the credentials in {}", file.display()))
    }

    /// Changes the credentials, alone: another `cleverctl` waits its turn.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut Credentials) -> Result<T>,
    ) -> Result<T> {
        let file = self.file()?;
        if let Some(folder) = file
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            clever_files::make_private_folder(folder)
                .with_context(|| format!("could not make the folder {}", folder.display()))?;
        }
        let lock = file.with_extension("lock");
        let lock = clever_files::open_lock(&lock)
            .with_context(|| format!("could not write {}", lock.display()))?;
        lock.lock().context("could not lock the credentials")?;
        let mut all = self.read()?;
        let result = change(&mut all)?;
        let sealed = all.seal(&self.key(true)?, &SystemRandomness)?;
        write_whole(&file, |out| Ok(out.write_all(sealed.as_bytes())?))?;
        Ok(result)
    }

    /// The key, from the environment or its file; `make` makes it where there is none.
    pub(crate) fn key(&self, make: bool) -> Result<SealingKeys> {
        Ok(self.secret(make)?.0)
    }

    /// The key that signs the notes of what was forgotten: derived from the same secret.
    pub(crate) fn notes_key(&self, make: bool) -> Result<NotesKey> {
        let (_, text) = self.secret(make)?;
        Ok(NotesKey::from_secret(
            text.expose_secret().trim().as_bytes(),
        ))
    }

    /// The key with the text that it was read from.
    fn secret(&self, make: bool) -> Result<(SealingKeys, SecretString)> {
        let id = KeyId(1);
        if let Some(text) = std::env::var_os(KEY_VARIABLE).filter(|text| !text.is_empty()) {
            let text = text.to_str().unwrap_or_default();
            let key = SealingKeys::from_text(id, text)
                .with_context(|| format!("{KEY_VARIABLE} holds no key"))?;
            return Ok((key, text.into()));
        }
        let path = self.key_file()?;
        match fs::read_to_string(&path) {
            Ok(text) => {
                refuse_shared(&path)?;
                let key = SealingKeys::from_text(id, &text)
                    .with_context(|| format!("{} holds no key", path.display()))?;
                Ok((key, text.into()))
            }
            // A new key for old credentials would lose them.
            Err(error) if error.kind() == ErrorKind::NotFound && make && !self.file()?.exists() => {
                let text = random_text(&SystemRandomness)?;
                Draft::begin(&path)
                    .and_then(|mut key| {
                        writeln!(key, "{text}")?;
                        // Another one that came meanwhile is not lost.
                        key.publish_new()
                    })
                    .with_context(|| format!("could not write the key to {}", path.display()))?;
                Ok((SealingKeys::from_text(id, &text)?, text.into()))
            }
            Err(error) => {
                Err(error).with_context(|| format!("could not read the key in {}", path.display()))
            }
        }
    }
}

/// Refuses a key that others of this machine can read.
#[cfg(unix)]
fn refuse_shared(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 != 0 {
        let shown = path.display();
        return Err(
            Usage::new(format!("the key in {shown} can be read by others"))
                .hint(format!("make it yours alone: `chmod 600 {shown}`"))
                .into(),
        );
    }
    Ok(())
}

#[cfg(not(unix))]
fn refuse_shared(_: &Path) -> Result<()> {
    Ok(())
}
