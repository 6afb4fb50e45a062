//! A space as an archive of Markdown files, out and in: `Parent.md`, `Parent/Child.md`, in the order of the tree, and the files of
//! each page beside it: `Parent.files/plan.pdf`.

use crate::actions::{self, NewPage};
use crate::error::WikiError;
use crate::model::{self, PageId, SpaceId, Tree};
use bo_content::{AttachmentId, ContentError, attachment, revision};
use bo_db::Tx;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{Cursor, Read, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

/// Pages of an archive at most.
const MOST: usize = 2000;
/// Bytes of all pages and files of an archive at most, unpacked.
const LARGEST: u64 = 64 * 1024 * 1024;
/// Bytes of all files that go out in one archive at most: it is made in memory.
const LARGEST_FILES: i64 = 256 * 1024 * 1024;
/// What the folder with the files of a page is called, behind the page's name.
const FILES: &str = ".files";

/// The pages of a tree as an archive, those in `readable` with their text and files.
///
/// # Errors
/// [`WikiError::Conflict`] when the files are too many for one archive; [`WikiError::Db`].
pub fn export(tx: &mut Tx, tree: &Tree, readable: &HashSet<PageId>) -> Result<Vec<u8>, WikiError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let failed = |error: &dyn std::fmt::Display| {
        WikiError::Conflict(format!("The archive could not be written: {error}"))
    };
    let mut put = |path: &str, bytes: &[u8]| -> Result<(), WikiError> {
        zip.start_file(path, SimpleFileOptions::default()).map_err(|error| failed(&error))?;
        zip.write_all(bytes).map_err(|error| failed(&error))
    };
    let (mut folders, mut used, mut left): (HashMap<PageId, String>, _, _) =
        (HashMap::new(), BTreeMap::new(), LARGEST_FILES);
    for (_, page) in tree.walk() {
        let folder = page.parent.and_then(|parent| folders.get(&parent).cloned()).unwrap_or_default();
        let path = free_name(&mut used, &format!("{folder}{}", file_name(&page.title)), "");
        folders.insert(page.id, format!("{path}/"));
        let mut text = String::new();
        if readable.contains(&page.id) {
            text = revision::find(tx, &page.object(), page.revision)?
                .map(|found| found.body)
                .unwrap_or_default();
            let (mut names, of) = (BTreeMap::new(), files_of(path.rsplit('/').next().unwrap_or(&path)));
            for file in attachment::list(tx, &page.object())? {
                left = left.checked_sub(file.size).filter(|left| *left >= 0).ok_or_else(|| {
                    let most = LARGEST_FILES >> 20;
                    WikiError::Conflict(format!("The files of this space are larger than {most} MiB together. Pages can be downloaded one by one."))
                })?;
                let (stem, extension) = file.name.rsplit_once('.').unwrap_or((&file.name, ""));
                let extension =
                    if extension.is_empty() { String::new() } else { format!(".{}", file_name(extension)) };
                let name = free_name(&mut names, &file_name(stem), &extension);
                put(&format!("{folder}{of}/{name}"), &attachment::content(tx, &file)?)?;
                text = text.replace(&address(page.id, file.id), &link(&format!("{of}/{name}")));
            }
        }
        put(&format!("{path}.md"), format!("# {}\n\n{text}", page.title).as_bytes())?;
    }
    Ok(zip.finish().map_err(|error| failed(&error))?.into_inner())
}

/// A name that is not used yet, whatever the case of its letters: with a number where it is.
fn free_name(used: &mut BTreeMap<String, u32>, base: &str, end: &str) -> String {
    let count = used.entry(format!("{base}{end}").to_lowercase()).or_default();
    *count += 1;
    if *count == 1 { format!("{base}{end}") } else { format!("{base} ({count}){end}") }
}

/// The folder beside a page with its files.
fn files_of(page: &str) -> String {
    format!("{page}{FILES}")
}

/// Where a file of a page lies in the wiki.
fn address(page: PageId, file: AttachmentId) -> String {
    format!("/wiki/pages/{page}/files/{file}")
}

/// A path as Markdown links to it.
fn link(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) || byte >= 0x80;
    let mut out = Vec::new();
    for byte in path.bytes() {
        match plain(byte) {
            true => out.push(byte),
            false => out.extend(format!("%{byte:02X}").bytes()),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
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

/// A file of a page of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDraft {
    /// The page's folders and name.
    pub page: Vec<String>,
    /// Its name.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// What somebody sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archive {
    /// The pages.
    pub drafts: Vec<Draft>,
    /// Files of the pages, from the folder beside each.
    pub files: Vec<FileDraft>,
}

/// Reads an archive (or one Markdown file) that somebody sent.
///
/// # Errors
/// [`WikiError::Import`], naming the file within.
pub fn read(name: &str, bytes: &[u8]) -> Result<Archive, WikiError> {
    if !bytes.starts_with(b"PK") {
        let stem = name.trim_end_matches(".md").trim_end_matches(".markdown").trim_end_matches(".txt");
        let text = std::str::from_utf8(bytes)
            .map_err(|_| WikiError::Import(format!("{name} is neither a ZIP archive nor text in UTF-8")))?;
        return Ok(Archive { drafts: vec![draft(vec![stem.to_owned()], text)], files: Vec::new() });
    }
    let bad = |error: zip::result::ZipError| WikiError::Import(format!("{name} can't be read: {error}"));
    let mut zip = ZipArchive::new(Cursor::new(bytes)).map_err(bad)?;
    let (mut drafts, mut files, mut left) = (Vec::new(), Vec::new(), LARGEST);
    for at in 0..zip.len() {
        let file = zip.by_index(at).map_err(bad)?;
        let Some(path) = file.enclosed_name() else {
            return Err(WikiError::Import(format!(
                "{name} has a file outside of its folders (number {})",
                at + 1
            )));
        };
        if file.is_dir() {
            continue;
        }
        let of_page = page_with_files(&path);
        let is_page = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("md"));
        if of_page.is_none() && !is_page {
            continue;
        }
        let mut bytes = Vec::new();
        let unread = |error: std::io::Error| {
            WikiError::Import(format!("{name} can't be read: {}: {error}", path.display()))
        };
        file.take(left + 1).read_to_end(&mut bytes).map_err(unread)?;
        left = left.checked_sub(bytes.len() as u64).ok_or_else(|| {
            WikiError::Import(format!("{name} is larger than {} MiB unpacked", LARGEST >> 20))
        })?;
        if let Some(page) = of_page {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            files.push(FileDraft { page, name, bytes });
        } else {
            let parts: Vec<String> =
                path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
            let text = String::from_utf8(bytes)
                .map_err(|_| WikiError::Import(format!("{} is not text in UTF-8", parts.join("/"))))?;
            drafts.push(draft(parts, &text));
        }
        if drafts.len() > MOST || files.len() > MOST {
            return Err(WikiError::Import(format!("{name} has more than {MOST} pages or files")));
        }
    }
    if drafts.is_empty() {
        return Err(WikiError::Import(format!("{name} has no Markdown files (*.md)")));
    }
    Ok(Archive { drafts, files })
}

/// The page that the file at a path belongs to: the one beside the folder that it lies in.
fn page_with_files(path: &Path) -> Option<Vec<String>> {
    let folder = path.parent()?;
    let mut page: Vec<String> = folder.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    let last = page.pop()?;
    page.push(last.strip_suffix(FILES)?.to_owned());
    Some(page)
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

/// Writes the pages of an archive below a page, or at the top, with their files; a folder without a page of its own gets an
/// empty one. All or none; returns how many. `ids` are made before the transaction, as many as [`ids_needed`] says, and an id per
/// file.
///
/// # Errors
/// [`WikiError::Import`], naming the page or file.
pub fn import(
    tx: &mut Tx,
    space: SpaceId,
    parent: Option<PageId>,
    archive: &Archive,
    (ids, file_ids): (&[PageId], &[AttachmentId]),
) -> Result<usize, WikiError> {
    let mut made: HashMap<Vec<String>, PageId> = HashMap::new();
    let mut ids = ids.iter().copied();
    for (path, draft) in planned(&archive.drafts) {
        let id = ids.next().ok_or_else(|| WikiError::Import("more pages than were counted".into()))?;
        let above = path.split_last().map(|(_, above)| above.to_vec()).unwrap_or_default();
        let parent = made.get(&above).copied().or(parent);
        let name = path.last().cloned().unwrap_or_default();
        let (title, body) =
            draft.map_or((name.as_str(), ""), |draft| (draft.title.as_str(), draft.body.as_str()));
        let title: String = title.replace(['[', ']', '|'], " ").chars().take(model::LONGEST_TITLE).collect();
        let own: Vec<_> = archive.files.iter().zip(file_ids).filter(|(file, _)| file.page == path).collect();
        let mut body = body.to_owned();
        for (file, file_id) in &own {
            let from = format!("{}/{}", files_of(&name), file.name);
            body =
                body.replace(&link(&from), &address(id, **file_id)).replace(&from, &address(id, **file_id));
        }
        let new = NewPage { id, space, parent, title, body };
        let named = |error: WikiError| match error {
            WikiError::Field(_, sentence) => WikiError::Import(format!("{} {sentence}", path.join("/"))),
            other => other,
        };
        actions::create_page(tx, &new).map_err(named)?;
        for (file, file_id) in own {
            attachment::add(tx, *file_id, &model::object(id), &file.name, &file.bytes).map_err(|error| {
                match error {
                    ContentError::File(sentence) => WikiError::Import(format!("{} {sentence}", file.name)),
                    other => other.into(),
                }
            })?;
        }
        made.insert(path, id);
    }
    Ok(made.len())
}

/// Pages that an import makes.
pub fn ids_needed(archive: &Archive) -> usize {
    planned(&archive.drafts).len()
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

    fn zipped(files: &[(&str, &str)]) -> Vec<u8> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, text) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn an_archive_is_read_with_its_folders_and_titles() {
        let archive = read(
            "a.zip",
            &zipped(&[
                ("Safety/Fire drill.md", "# Fire drill!\n\nGo out.\n"),
                ("x.png", "no"),
                ("Keys.md", "Ask."),
                ("Keys.files/where.md", "The safe."),
            ]),
        )
        .unwrap();
        let drafts = &archive.drafts;
        assert_eq!(
            drafts[0],
            Draft {
                path: vec!["Safety".into(), "Fire drill".into()],
                title: "Fire drill!".into(),
                body: "Go out.\n".into()
            }
        );
        assert_eq!((drafts[1].title.as_str(), drafts[1].body.as_str()), ("Keys", "Ask."));
        let file =
            FileDraft { page: vec!["Keys".into()], name: "where.md".into(), bytes: b"The safe.".to_vec() };
        assert_eq!(archive.files, [file], "what lies beside a page is a file of it, Markdown or not");
        assert_eq!(ids_needed(&archive), 3, "the folder is a page of its own");
    }

    #[test]
    fn what_is_no_archive_of_pages_is_refused_by_name() {
        assert!(
            read("x.zip", &zipped(&[("a.txt", "x")])).unwrap_err().to_string().contains("no Markdown files")
        );
        assert!(read("x.zip", b"PK\x03\x04broken").is_err());
        assert!(read("x.bin", &[0xff, 0xfe, 0x00]).unwrap_err().to_string().contains("x.bin"));
        assert!(read("x.zip", &zipped(&[("../../etc/a.md", "x")])).is_err());
        assert_eq!(read("notes.md", b"hello").unwrap().drafts[0].title, "notes");
    }

    #[test]
    fn a_title_becomes_a_name_that_any_system_takes() {
        assert_eq!(file_name("What? Why/How: \"it\"."), "What- Why-How- -it-");
        assert_eq!(file_name("..."), "page");
    }
}
