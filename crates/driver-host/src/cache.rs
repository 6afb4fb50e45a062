//! Compiled components on disk. Compiling costs a thousand times what loading does, so a restart of the edge
//! must not compile again. A cached file is machine code: it is only ever read from a directory that this
//! process's user alone may write, under a name made from the component's hash and the engine's settings, and
//! with a digest that finds a torn write.

use crate::error::Error;
use sha2::{Digest, Sha256};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use wasmtime::Engine;
use wasmtime::component::Component;

const DIGEST: usize = 32;

/// A directory of compiled components.
#[derive(Debug)]
pub(crate) struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// Makes the directory if needed, readable and writable by this user alone.
    pub(crate) fn open(directory: &Path) -> Result<Cache, Error> {
        let fail = |source| Error::Write { path: directory.to_owned(), source };
        std::fs::create_dir_all(directory).map_err(fail)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700)).map_err(fail)?;
        }
        Ok(Cache { directory: directory.to_owned() })
    }

    /// The compiled component, if it is there and whole.
    pub(crate) fn load(&self, engine: &Engine, hash: &str) -> Option<Component> {
        let file = std::fs::read(self.path(engine, hash)).ok()?;
        let (digest, code) = file.split_at_checked(DIGEST)?;
        if Sha256::digest(code)[..] != *digest {
            tracing::warn!(component = hash, "a cached driver is damaged and is compiled again");
            return None;
        }
        #[allow(
            unsafe_code,
            reason = "our own file from our own directory, digest checked; see the module's text"
        )]
        // SAFETY: `code` was written by `store` below from `Component::serialize` of the same engine settings.
        let component = unsafe { Component::deserialize(engine, code) };
        component.ok()
    }

    /// Keeps a compiled component. Failing to is not an error: it is compiled again next time.
    pub(crate) fn store(&self, engine: &Engine, hash: &str, component: &Component) {
        let path = self.path(engine, hash);
        let outcome = component.serialize().map_err(std::io::Error::other).and_then(|code| {
            let partial = path.with_extension(format!("{}.partial", std::process::id()));
            let mut file = std::fs::File::create(&partial)?;
            file.write_all(&Sha256::digest(&code))?;
            file.write_all(&code)?;
            file.sync_all()?;
            std::fs::rename(&partial, &path)
        });
        if let Err(error) = outcome {
            tracing::warn!(path = %path.display(), %error, "a compiled driver could not be kept");
        }
    }

    fn path(&self, engine: &Engine, hash: &str) -> PathBuf {
        let mut settings = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut settings);
        self.directory.join(format!("{hash}-{:016x}.cwasm", settings.finish()))
    }
}
