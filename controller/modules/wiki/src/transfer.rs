//! A space as an archive of Markdown files, out and in: `Parent.md`, `Parent/Child.md`, in the order of the tree.

use crate::actions::{self, NewPage};
use crate::error::WikiError;
use crate::model::{self, PageId, SpaceId, Tree};
use bo_content::revision;
use bo_db::Tx;
use std::collections::{BTreeMap, HashMap};
use std::io::{Cursor, Read, Write};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// Pages of an archive at most.
const MOST: usize = 2000;
/// Bytes of all pages of an archive at most, unpacked.
const LARGEST: u64 = 64 * 1024 * 1024;

/// The pages of a tree as an archive.
pub fn export(tx: &mut Tx, tree: &Tree) -> Result<Vec<u8>, WikiError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let failed = |error: &dyn std::fmt::Display| {
        WikiError::Conflict(format!("The archive could not be written: {error}"))
    };
    let mut folders: HashMap<PageId, String> = HashMap::new();
    let mut used: BTreeMap<String, u32> = BTreeMap::new();
    for (_, page) in tree.walk() {
        let folder = page.parent.and_then(|parent| folders.get(&parent).cloned()).unwrap_or_default();
        let base = format!("{folder}{}", file_name(&page.title));
        let count = used.entry(base.to_lowercase()).or_default();
        *count += 1;
        let path = if *count == 1 { base } else { format!("{base} ({count})") };
        folders.insert(page.id, format!("{path}/"));
        let text =
            revision::find(tx, &page.object(), page.revision)?.map(|found| found.body).unwrap_or_default();
        zip.start_file(format!("{path}.md"), SimpleFileOptions::default()).map_err(|error| failed(&error))?;
        zip.write_all(format!("# {}\n\n{text}", page.title).as_bytes()).map_err(|error| failed(&error))?;
    }
    Ok(zip.finish().map_err(|error| failed(&error))?.into_inner())
}

/// A title as a file name any system takes.
fn file_name(title: &str) -> String {
    let safe: String =
        title.chars().map(|c| if c.is_control() || "/\\:*?\"<>|".contains(c) { '-' } else { c }).collect();
    let safe = safe.trim().trim_end_matches('.').trim_start_matches('.').to_owned();
    if safe.is_empty() { "page".into() } else { safe }
}

/// A page of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// Folders and name, without `.md`.
    pub path: Vec<String>,
    /// Its title: of its first heading, or its name.
    pub title: String,
    /// Its text, without that heading.
    pub body: String,
}

/// Reads an archive (or one Markdown file) that somebody sent.
///
/// # Errors
/// [`WikiError::Import`], naming the file within.
pub fn read(name: &str, bytes: &[u8]) -> Result<Vec<Draft>, WikiError> {
    if !bytes.starts_with(b"PK") {
        let stem = name.trim_end_matches(".md").trim_end_matches(".markdown").trim_end_matches(".txt");
        let text = std::str::from_utf8(bytes)
            .map_err(|_| WikiError::Import(format!("{name} is neither a ZIP archive nor text in UTF-8")))?;
        return Ok(vec![draft(vec![stem.to_owned()], text)]);
    }
    let bad = |error: zip::result::ZipError| WikiError::Import(format!("{name} can't be read: {error}"));
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(bad)?;
    let (mut drafts, mut left) = (Vec::new(), LARGEST);
    for at in 0..zip.len() {
        let file = zip.by_index(at).map_err(bad)?;
        let Some(path) = file.enclosed_name() else {
            return Err(WikiError::Import(format!(
                "{name} has a file outside of its folders (number {})",
                at + 1
            )));
        };
        if file.is_dir() || path.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("md")) {
            continue;
        }
        let path: Vec<String> =
            path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let shown = path.join("/");
        let mut text = String::new();
        file.take(left + 1)
            .read_to_string(&mut text)
            .map_err(|_| WikiError::Import(format!("{shown} is not text in UTF-8")))?;
        left = left.checked_sub(text.len() as u64).ok_or_else(|| {
            WikiError::Import(format!("{name} is larger than {} MiB unpacked", LARGEST >> 20))
        })?;
        drafts.push(draft(path, &text));
        if drafts.len() > MOST {
            return Err(WikiError::Import(format!("{name} has more than {MOST} pages")));
        }
    }
    if drafts.is_empty() {
        return Err(WikiError::Import(format!("{name} has no Markdown files (*.md)")));
    }
    Ok(drafts)
}

fn draft(path: Vec<String>, text: &str) -> Draft {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let name = path.last().cloned().unwrap_or_default();
    match first.trim().strip_prefix("# ") {
        Some(title) => Draft {
            path,
            title: title.trim().to_owned(),
            body: rest.trim_start_matches(['\r', '\n']).to_owned(),
        },
        None => Draft { path, title: name, body: text.to_owned() },
    }
}

/// Writes the pages of an archive below a page, or at the top; a folder without a page of its own gets an empty one.
/// All or none; returns how many. `ids` are made before the transaction, as many as [`ids_needed`] says.
pub fn import(
    tx: &mut Tx,
    space: SpaceId,
    parent: Option<PageId>,
    drafts: &[Draft],
    ids: &[PageId],
) -> Result<usize, WikiError> {
    let mut made: HashMap<Vec<String>, PageId> = HashMap::new();
    let mut ids = ids.iter().copied();
    for (path, draft) in planned(drafts) {
        let id = ids.next().ok_or_else(|| WikiError::Import("more pages than were counted".into()))?;
        let above = path.split_last().map(|(_, above)| above.to_vec()).unwrap_or_default();
        let parent = made.get(&above).copied().or(parent);
        let name = path.last().cloned().unwrap_or_default();
        let (title, body) =
            draft.map_or((name.as_str(), ""), |draft| (draft.title.as_str(), draft.body.as_str()));
        let title: String = title.replace(['[', ']', '|'], " ").chars().take(model::LONGEST_TITLE).collect();
        let new = NewPage { id, space, parent, title, body: body.to_owned() };
        let named = |error: WikiError| match error {
            WikiError::Field(_, sentence) => WikiError::Import(format!("{} {sentence}", path.join("/"))),
            other => other,
        };
        actions::create_page(tx, &new).map_err(named)?;
        made.insert(path, id);
    }
    Ok(made.len())
}

/// Pages that an import makes.
pub fn ids_needed(drafts: &[Draft]) -> usize {
    planned(drafts).len()
}

/// Every page to make, a folder before what is in it, in the order of the archive.
fn planned(drafts: &[Draft]) -> Vec<(Vec<String>, Option<&Draft>)> {
    let own: HashMap<&[String], &Draft> = drafts.iter().map(|draft| (draft.path.as_slice(), draft)).collect();
    let mut plan: Vec<(Vec<String>, Option<&Draft>)> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for draft in drafts {
        for depth in 1..=draft.path.len() {
            let path = &draft.path[..depth];
            if seen.insert(path.to_vec()) {
                plan.push((path.to_vec(), own.get(path).copied()));
            }
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn an_archive_is_read_with_its_folders_and_titles() {
        let drafts = read(
            "a.zip",
            &archive(&[
                ("Safety/Fire drill.md", "# Fire drill!\n\nGo out.\n"),
                ("x.png", "no"),
                ("Keys.md", "Ask."),
            ]),
        )
        .unwrap();
        assert_eq!(
            drafts[0],
            Draft {
                path: vec!["Safety".into(), "Fire drill".into()],
                title: "Fire drill!".into(),
                body: "Go out.\n".into()
            }
        );
        assert_eq!((drafts[1].title.as_str(), drafts[1].body.as_str()), ("Keys", "Ask."));
        assert_eq!(ids_needed(&drafts), 3, "the folder is a page of its own");
    }

    #[test]
    fn what_is_no_archive_of_pages_is_refused_by_name() {
        assert!(
            read("x.zip", &archive(&[("a.txt", "x")])).unwrap_err().to_string().contains("no Markdown files")
        );
        assert!(read("x.zip", b"PK\x03\x04broken").is_err());
        assert!(read("x.bin", &[0xff, 0xfe, 0x00]).unwrap_err().to_string().contains("x.bin"));
        assert!(read("x.zip", &archive(&[("../../etc/a.md", "x")])).is_err());
        assert_eq!(read("notes.md", b"hello").unwrap()[0].title, "notes");
    }

    #[test]
    fn a_title_becomes_a_name_that_any_system_takes() {
        assert_eq!(file_name("What? Why/How: \"it\"."), "What- Why-How- -it-");
        assert_eq!(file_name("..."), "page");
    }
}
